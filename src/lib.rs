//! portkey-sync.
