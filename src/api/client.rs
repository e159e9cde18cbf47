//! The two halves of the API over one transport.

use super::settings::{Base, ConnectError, Settings, key_header};

/// Builds the client. Nothing is sent yet.
pub fn connect(settings: Settings) -> Result<(Reader, Writer), ConnectError> {
    Base::parse(&settings.base_url)?;
    key_header(&settings.api_key)?;
    Ok((Reader {}, Writer {}))
}

/// Reads. Has no method that changes anything.
#[derive(Clone, Debug)]
pub struct Reader {}

/// Writes.
#[derive(Clone, Debug)]
pub struct Writer {}
