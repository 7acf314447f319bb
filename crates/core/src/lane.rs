//! Lanes: how urgent a message is among its like.

text_enum! {
    /// The lane of a template, set by a platform administrator, kept from accept to send.
    pub enum Lane {
        /// One-time codes and alerts; never behind anything else.
        Priority = "priority",
        /// Everything that is not marked otherwise.
        Normal = "normal",
        /// Mailings; gives way to the others.
        Bulk = "bulk",
    }
}
