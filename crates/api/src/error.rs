//! One envelope for everything that is refused: `{"error":{"code","message","field","remedy"}}`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Invalid, Masked, Timestamp};
use node::NodeError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Seconds after which a client may ask again when the dialler or the database was not available.
const RETRY_AFTER_S: u32 = 5;

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// What was refused, and why.
    pub error: ErrorDetail,
}

/// What was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorDetail {
    /// Stable; programs may compare it.
    #[schema(example = "name_taken")]
    pub code: String,
    /// For people; lower case, names the thing, may change.
    #[schema(example = "trunk \"carrier\" exists already")]
    pub message: String,
    /// The field of the request that is wrong, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Of `locked`: no sign-in is taken until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<Timestamp>,
}

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    detail: Box<ErrorDetail>,
    retry_after_s: Option<u32>,
}

impl ApiError {
    /// A refusal with a stable `code` and a message for people.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let detail = ErrorDetail {
            code: code.to_owned(),
            message: message.into(),
            field: None,
            remedy: None,
            locked_until: None,
        };
        Self { status, detail: Box::new(detail), retry_after_s: None }
    }

    /// 400 with `code`.
    pub fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404: `pbx 7 does not exist`.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} {id} does not exist"))
    }

    /// 503: come back in a few seconds.
    pub fn unavailable(code: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        error.retry_after_s = Some(RETRY_AFTER_S);
        error
    }

    /// 500: ours; the cause goes to the log, not to the caller.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(cause = %Masked(&cause), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "carillon failed to do this; its log says why")
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.detail.field = Some(field.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.detail.remedy = Some(remedy.into());
        self
    }

    /// Says until when.
    #[must_use]
    pub(crate) fn locked_until(mut self, until: Timestamp) -> Self {
        self.detail.locked_until = Some(until);
        self
    }

    /// What was refused, for people, with what to do about it.
    pub(crate) fn sentence(&self) -> String {
        match &self.detail.remedy {
            Some(remedy) => format!("{}: {remedy}", self.detail.message),
            None => self.detail.message.clone(),
        }
    }

    /// What its envelope holds.
    pub(crate) fn into_detail(self) -> ErrorDetail {
        *self.detail
    }

    /// Stable; programs may compare it.
    pub(crate) fn code(&self) -> &str {
        &self.detail.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(ErrorBody { error: *self.detail })).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        use store::Error;
        let (code, field, message) = (error.code(), error.field().map(str::to_owned), error.to_string());
        let mut answer = match error {
            Error::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, code, message),
            Error::NameTaken { .. } | Error::Conflict { .. } | Error::InUse { .. } => {
                Self::new(StatusCode::CONFLICT, code, message)
            }
            Error::LastAdministrator => Self::new(StatusCode::CONFLICT, code, message)
                .remedy("give another user a class with role admin and all keys first"),
            Error::TooManySignIns => Self::unavailable(code, message),
            Error::EventsDropped { oldest, .. } => Self::new(StatusCode::GONE, code, message)
                .remedy(format!("read everything anew, then go on with after={}", oldest - 1)),
            Error::Invalid(invalid) => invalid.into(),
            Error::DiskFull => Self::unavailable(code, message).remedy("make room on the disk that holds the database"),
            Error::Database(cause) => {
                tracing::error!(cause = %Masked(&cause), "the database failed");
                Self::unavailable("database_unavailable", "the database does not answer; carillon's log says why")
            }
            other => Self::internal(other),
        };
        answer.detail.field = field;
        answer
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::NotFound { what, id } => Self::not_found(what, id),
            NodeError::Conflict(why) => Self::new(StatusCode::CONFLICT, "conflict", why),
            NodeError::Invalid(invalid) => invalid.into(),
            NodeError::Store(error) => error.into(),
            NodeError::Unavailable(_) => Self::unavailable("dialler_unavailable", error.to_string()),
        }
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", invalid.to_string()).field(invalid.field)
    }
}
