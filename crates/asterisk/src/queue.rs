//! Queues of `app_queue`: what is told of members and callers. Only the manager interface tells of them.

/// Something that happened to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueEvent {
    /// A member was added, paused, called, or its telephone changed: it is like this now.
    Member {
        /// The queue.
        queue: String,
        /// The member.
        member: QueueMember,
    },
    /// A member left the queue.
    MemberRemoved {
        /// The queue.
        queue: String,
        /// Its telephone.
        interface: String,
    },
    /// A caller came.
    CallerJoined {
        /// The queue.
        queue: String,
        /// Unique id of its channel.
        channel_id: String,
    },
    /// A caller gave up: [`QueueEvent::CallerLeft`] comes, too.
    CallerAbandoned {
        /// The queue.
        queue: String,
        /// Unique id of its channel.
        channel_id: String,
    },
    /// A caller does not wait any more, whatever became of it.
    CallerLeft {
        /// The queue.
        queue: String,
        /// Unique id of its channel.
        channel_id: String,
    },
    /// A member's telephone is called for a caller.
    AgentCalled {
        /// Unique id of the caller's channel.
        channel_id: String,
        /// The member's telephone.
        interface: String,
    },
    /// A member talks to a caller.
    AgentConnected {
        /// Unique id of the caller's channel.
        channel_id: String,
        /// The member's telephone.
        interface: String,
    },
    /// A member did not answer, hung up before it talked, or its conversation is over.
    AgentReleased {
        /// Unique id of the caller's channel; none where that is gone already, because it hung up first.
        channel_id: Option<String>,
        /// The member's telephone.
        interface: String,
    },
}

/// A member of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueMember {
    /// The telephone that is called, for example `PJSIP/1001`.
    pub interface: String,
    /// Its name; the interface where it has none.
    pub name: String,
    /// Paused.
    pub paused: bool,
    /// Why, if it was said.
    pub paused_reason: String,
    /// In a call of this queue. `None`: this Asterisk does not say.
    pub in_call: Option<bool>,
    /// Asterisk's number for the state of its device.
    pub status: u32,
    /// Seconds after a call in which it is left alone.
    pub wrap_up_s: u32,
}

/// A queue as it is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<QueueMember>,
    /// Unique ids of the channels that wait in it, in their order.
    pub callers: Vec<String>,
}
