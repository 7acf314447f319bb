//! Handlers by family; data for a route stands beside its handler.

pub(crate) mod callbacks;
pub(crate) mod management;
pub(crate) mod operations;
pub(crate) mod read;
pub(crate) mod send;
pub(crate) mod unsubscribe;
