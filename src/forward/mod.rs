//! What of a kept delivery goes to another receiver.

mod headers;

pub use headers::forwarded_headers;
