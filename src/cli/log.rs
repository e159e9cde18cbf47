//! The log on standard error.
//!
//! Invariants: it holds no secret, since none has a `Display`; whatever a message or a field holds, an event is one line
//! that commands neither a terminal nor a CI system.

use std::fmt;

use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::args::{GlobalArgs, LogFormat};
use crate::escape::escape_json;
use crate::render;

/// What a run is watched by; the emulator that serves has a log that tells each request.
pub(super) fn start(args: &GlobalArgs, serves: bool) {
    let level = match args.verbose {
        // The emulator's log is what it is watched by.
        0 | 1 if serves && !args.quiet => "portkey_sync=warn,emulator=info",
        0 | 1 => "portkey_sync=warn",
        2 => "portkey_sync=debug",
        _ => "trace",
    };
    let log = log(args.log_format, serves, level, std::io::stderr);
    // A second start in one process keeps the first log.
    tracing::dispatcher::set_global_default(log).ok();
}

fn log<W>(format: LogFormat, serves: bool, level: &str, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(writer);
    match format {
        LogFormat::Text => {
            let log = log.with_ansi(false).without_time().with_level(!serves).with_target(!serves);
            log.map_event_format(|lines| Escaped { lines, escape: render::escape }).into()
        }
        LogFormat::Json => log.json().map_event_format(|lines| Escaped { lines, escape: escape_json }).into(),
    }
}

/// Lines of another form, escaped as a whole: no field can be forgotten.
struct Escaped<F> {
    lines: F,
    escape: fn(&str) -> String,
}

impl<S, N, F> FormatEvent<S, N> for Escaped<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", (self.escape)(line.strip_suffix('\n').unwrap_or(&line)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    const EVIL: &str = "a\n::error::pwn\r\u{1b}[31m ##[add-mask]b ##vso[task.x]c \u{9b}\u{202e}";

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What the log says of a hostile message, fields of each sort, and a span.
    fn said(format: LogFormat, serves: bool) -> String {
        let said = Said::default();
        let writer = said.clone();
        // With one subscriber alone, tracing asks only the thread that comes by a log line first.
        let _second = Dispatch::new(tracing_subscriber::registry());
        let log = log(format, serves, "trace", move || writer.clone());
        tracing::dispatcher::with_default(&log, || {
            let _span = tracing::info_span!("span", inside = %EVIL).entered();
            let error = std::io::Error::other(EVIL);
            tracing::warn!(path = %EVIL, text = EVIL, shown = ?error, %error, "said {EVIL}");
        });
        String::from_utf8(said.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_field_and_no_message_commands_a_terminal_or_a_ci_system() {
        for (format, serves) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)]
        {
            let said = said(format, serves);
            let line = said.strip_suffix('\n').unwrap();
            assert!(line.matches("pwn").count() >= 6, "the message, four fields and the span: {line}");
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
            assert!(!line.contains("##[") && !line.contains("##vso"), "{line}");
        }
    }

    #[test]
    fn a_program_that_reads_the_log_gets_every_text_as_it_is() {
        let line: serde_json::Value = serde_json::from_str(&said(LogFormat::Json, false)).unwrap();
        assert_eq!(line["fields"]["message"], format!("said {EVIL}"));
        assert_eq!(line["fields"]["path"], EVIL);
        assert_eq!(line["span"]["inside"], EVIL);
    }
}
