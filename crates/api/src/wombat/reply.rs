//! Answers in WombatDialer's manner.

use super::door::Half;
use crate::error::ApiError;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What an operation answers.
pub(super) enum Reply {
    /// One line or more, without `OK: `.
    Text(String),
    /// As it is.
    Json(StatusCode, Value),
    /// Said as it is, with its status.
    Plain(StatusCode, String),
}

impl Reply {
    /// JSON with status 200.
    pub(super) fn json(value: Value) -> Self {
        Self::Json(StatusCode::OK, value)
    }

    /// What came of an operation, as its half of the API says it.
    pub(super) fn of(half: Half, answer: Result<Self, ApiError>) -> Self {
        match (answer, half) {
            (Ok(reply), _) => reply,
            (Err(error), Half::Control) => Self::Plain(StatusCode::OK, error_line(&error)),
            (Err(error), Half::Configuration) => Self::json(error_envelope(&error)),
        }
    }

    /// 404 in words.
    pub(super) fn not_there(message: &str) -> Self {
        Self::Plain(StatusCode::NOT_FOUND, line("ERROR: ", message))
    }
}

/// A refusal as one line. Clients look for `OK` anywhere in an answer, so no refusal may hold it.
pub(super) fn error_line(error: &ApiError) -> String {
    line("ERROR: ", &error.sentence().replace("OK", "O.K."))
}

/// A refusal as the configuration API's envelope.
pub(super) fn error_envelope(error: &ApiError) -> Value {
    json!({ "status": "ERROR", "error": error.sentence(), "timeMs": 0, "results": [], "allResults": 0, "startFrom": 0,
        "nRecords": 0 })
}

fn line(before: &str, text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{before}{text}\n")
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Text(text) => text_response(StatusCode::OK, format!("OK: {text}\n")),
            Self::Plain(status, text) => text_response(status, text),
            Self::Json(status, value) => {
                let text = serde_json::to_string_pretty(&value).unwrap_or_default();
                (status, [(header::CONTENT_TYPE, "application/json;charset=UTF-8")], text).into_response()
            }
        }
    }
}

fn text_response(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain;charset=UTF-8")], text).into_response()
}
