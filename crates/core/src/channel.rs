//! How a message reaches a person.

text_enum! {
    /// A channel of delivery; also a template's type on the wire.
    pub enum Channel {
        /// Electronic mail.
        Email = "email",
        /// Text message.
        Sms = "sms",
    }
}

impl Channel {
    /// The name people and GOV.UK's error texts use.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "text message",
        }
    }
}
