//! Reading back: notifications and templates, as Notify's clients expect them.

pub(crate) mod notification;
pub(crate) mod template;
