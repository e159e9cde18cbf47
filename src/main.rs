//! portkey-sync.
fn main() {}
