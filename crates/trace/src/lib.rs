//! Traces: one message's way through every process, in spans.
//!
//! A request's span is the root (or continues the caller's trace). What follows for that message
//! alone, such as its delivery, is a child of it, however much later and in whichever process: the
//! row remembers the span that accepted it. What happens to many messages at once, such as a
//! publish or a save, is one span that links to all of them, and is a child of the first: so the
//! trace of a message that travelled alone is a whole tree.
//!
//! Nothing of this is recorded unless OTLP export is configured ([`export`]) and the trace is
//! sampled. The spans bear [`TARGET`], so that logs can leave them out. They hold ids, names of
//! queues and providers, and outcomes; never personal data.

pub mod export;
mod hop;
mod span;

pub use hop::{Operation, hop};
pub use span::{TARGET, child, context, current, link, rename, server};
