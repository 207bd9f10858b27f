//! The domain's enumerations as the OpenAPI document shows them.
//!
//! `domain` is pure and knows no OpenAPI, so its words are listed here once more; a test compares both lists.

use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$meta:meta])* ($rename:tt) $name:ident { $($variant:ident),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema, serde::Deserialize, serde::Serialize)]
        #[serde(rename_all = $rename)]
        #[allow(missing_docs, reason = "the domain's enum of the same name documents its variants")]
        pub enum $name { $($variant),* }
    )*};
}

words! {
    /// State of a call: `TERMINATED` and `RS_...` are final.
    ("SCREAMING_SNAKE_CASE") CallState {
        RdScheduled, RdReserved, RdRequested, RdAgentreq, Scheduled, Requested, Dialling, Connected, Terminated, RsError,
        RsLost, RsRejected, RsBusy, RsNumber, RsNoanswer, RsNoagent, RsAgentskip, RsTimeout, RsBlacklist,
    }
    /// State of a run: `COMPLETED` and `REMOVED` are final.
    ("SCREAMING_SNAKE_CASE") RunState { Runnable, Running, WrongTime, Idle, Paused, Completed, Removed }
    /// Whether a campaign may be started.
    ("SCREAMING_SNAKE_CASE") CampaignStatus { Runnable, Closed, Hidden }
    /// How a retry delay grows: the same every time, or times the attempt number.
    ("SCREAMING_SNAKE_CASE") Mode { Fixed, Mult }
    /// What an outcome rule does.
    ("SCREAMING_SNAKE_CASE") Verb { None, HttpGet, HttpPost, AddList, AddBlacklist, Email, Reschedule }
    /// Which of a call's attributes go with what an outcome rule does.
    ("SCREAMING_SNAKE_CASE") VarMode { All, Input, Output, None }
    /// What of a run's life is told by letter: nothing, every state, or its end alone.
    ("SCREAMING_SNAKE_CASE") RunMailEvents { No, All, Completed }
    /// By which rule calls are launched for the agents of queues.
    ("snake_case") PacingMode {
        Automatic, Boost, Progressive, Ratio, AdaptHardLimit, AdaptAverage, AdaptTapered, Predictive,
    }
    /// What predictive pacing promises of its cap.
    ("snake_case") PacingPolicy { Budget, Guaranteed }
    /// By what a run is paced: `engine` looks at calls and agents several times a second, `no_harbour` is one call for each free
    /// agent because a PBX has no safe harbour for people who find none.
    ("snake_case") PacedBy { Channels, Boost, OneEach, NoHarbour, Ratio, Engine }
    /// How far an action is.
    ("snake_case") ActionState { Waiting, Done, Failed }
    /// What an end point is. A `PHONE` is a dialplan extension.
    ("SCREAMING_SNAKE_CASE") EndPointKind { Phone, Queue }
    /// Whether dialling is allowed.
    ("SCREAMING_SNAKE_CASE") OpeningMode { Open, Closed }
    /// Which way a campaign's calls go.
    ("snake_case") Direction { Outbound }
    /// Where a campaign's work comes from.
    ("snake_case") WorkSource { List }
    /// Who ended a call.
    ("snake_case") EndedBy {
        AnswerTimeout, ProgressTimeout, ForcedClosure, Operator, Agent, NoAgent, AgentSkip, Pacing, FarEnd, Pbx, Refused,
        Suppression, Unknown,
    }
    /// Whose fault it is that no conversation happened.
    ("snake_case") Fault { None, Callee, Number, Carrier, Ours, Unclear }
    /// Whether calls may be placed at all.
    ("snake_case") Dialling { Dialling, Held }
    /// State of the link to a PBX.
    ("snake_case") PbxState { Up, Reconciling, Stale, Down }
    /// What an agent of an observed queue is doing: a call would reach an `idle` one; `wrap_up` is left alone after a call, the
    /// telephone of an `unavailable` one is not there.
    ("snake_case") QueueAgentState { Idle, Paused, Ringing, Taken, Talking, WrapUp, Unavailable }
    /// State of a trunk's circuit breaker.
    ("snake_case") Circuit { Closed, Open, Probing }
    /// Where an import stands: `failed` ones can be resumed.
    ("snake_case") ImportState { Uploaded, Running, Done, Cancelled, Failed }
    /// What fills a list of numbers that must not be called.
    ("snake_case") SuppressionKind { Optout, Registry }
    /// How a webhook is told: an event as JSON, or an ended attempt as a form.
    ("SCREAMING_SNAKE_CASE") WebhookFormat { Json, Form }
    /// How the delivery of an event to a webhook stands. `dead` was given up, `unknown` is older than what is kept of it.
    ("snake_case") Delivery { Taken, Waiting, Dead, Unknown }
    /// What a token may do; each includes the ones before it.
    ("snake_case") TokenScope { Read, Operate, Admin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use utoipa::PartialSchema;

    /// Every word of the schema is a word of `T`, and `count` says that no word of `T` is missing.
    fn same<S: PartialSchema, T: Serialize + DeserializeOwned>(count: usize) {
        let schema = serde_json::to_value(S::schema()).unwrap();
        let words = schema["enum"].as_array().unwrap();
        assert_eq!(words.len(), count, "{schema}");
        for word in words {
            let theirs: T = serde_json::from_value(word.clone()).unwrap();
            assert_eq!(&serde_json::to_value(theirs).unwrap(), word);
        }
    }

    #[test]
    fn the_document_uses_the_domains_words() {
        same::<CallState, domain::CallState>(domain::CallState::ALL.len());
        same::<RunState, domain::RunState>(7);
        same::<CampaignStatus, domain::CampaignStatus>(3);
        same::<Mode, domain::Mode>(2);
        same::<Verb, domain::Verb>(7);
        same::<VarMode, domain::VarMode>(4);
        same::<RunMailEvents, domain::RunMailEvents>(3);
        same::<PacingMode, domain::PacingMode>(8);
        same::<PacingPolicy, domain::PacingPolicy>(2);
        same::<PacedBy, node::live::PacedBy>(6);
        same::<ActionState, store::ActionState>(3);
        same::<EndPointKind, domain::EndPointKind>(2);
        same::<OpeningMode, domain::OpeningMode>(2);
        same::<QueueAgentState, node::live::QueueAgentState>(7);
        same::<Direction, domain::Direction>(1);
        same::<WorkSource, domain::WorkSource>(1);
        same::<EndedBy, domain::EndedBy>(13);
        same::<Fault, domain::outcome::Fault>(6);
        same::<Dialling, node::live::Dialling>(2);
        same::<PbxState, node::live::PbxState>(4);
        same::<Circuit, node::live::Circuit>(3);
        same::<ImportState, store::import::ImportState>(5);
        same::<SuppressionKind, store::SuppressionKind>(2);
        same::<WebhookFormat, store::WebhookFormat>(2);
        same::<Delivery, store::webhooks::Delivery>(4);
        same::<TokenScope, store::TokenScope>(3);
    }
}
