//! The one end of a request.

/// The one end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome<T> {
    /// Carried out; what came back.
    Done(T),
    /// Asterisk said no: nothing happened.
    Refused {
        /// HTTP status, of the interface that has one.
        status: Option<u16>,
        /// Asterisk's words.
        message: String,
    },
    /// It left and may have been carried out. Look what exists; never repeat it.
    Unknown(Unknown),
    /// It never left: nothing happened, and it may be made again.
    NotSent(NotSent),
}

impl<T> Outcome<T> {
    /// Changes the value of a `Done`.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        self.and_then(|value| Outcome::Done(change(value)))
    }

    /// Judges the value of a `Done`.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
        match self {
            Self::Done(value) => next(value),
            Self::Refused { status, message } => Outcome::Refused { status, message },
            Self::Unknown(why) => Outcome::Unknown(why),
            Self::NotSent(why) => Outcome::NotSent(why),
        }
    }

    /// The value of a `Done`.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }
}

/// The request never left: Asterisk does not know of it, and it may be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// There is no connection at the moment.
    #[error("no connection to the PBX")]
    NotConnected,
    /// The client is bound to an epoch ([`crate::Handle::in_epoch`]) that is over.
    #[error("the connection it was meant for is gone")]
    OtherConnection,
    /// Too many requests wait already.
    #[error("too many requests wait for the PBX")]
    QueueFull,
    /// It waited in the queue until its deadline.
    #[error("the deadline passed before it could be sent")]
    Deadline,
    /// Longer than Asterisk takes.
    #[error("request of {bytes} bytes, at most {bytes_max} are possible")]
    TooLarge {
        /// Its length as it would have been sent.
        bytes: usize,
        /// The longest that is possible.
        bytes_max: usize,
    },
    /// A field holds what must never reach Asterisk, or what it would cut. Names the field, never its value.
    #[error("{0}")]
    Invalid(String),
    /// The link has ended: shut down, or replaced by another controller.
    #[error("the link to the PBX has ended")]
    Ended,
}

/// The request left and its answer is not known: it may have been carried out. Never repeated by the link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No answer before the deadline.
    #[error("no answer before the deadline")]
    Deadline,
    /// The connection was lost, or the link ended, after it was written.
    #[error("the connection was lost before the answer")]
    ConnectionLost,
    /// Asterisk said yes with an answer that is not as documented, or too long.
    #[error("the answer is not readable: {0}")]
    Unreadable(String),
}
