//! `/api/lists/{id}/numbers`: numbers one behind the other, looked at before they are added.

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::Operate;
use crate::error::ApiError;
use crate::extract::{Id, Json};
use axum::extract::State;
use domain::contact::check_meaning;
use domain::number_range::{MAX_NUMBERS, NumberRange};
use domain::{Dialable, ListId};
use serde::{Deserialize, Serialize};
use store::NewContact;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Numbers that a preview shows from the beginning.
const SHOWN: usize = 10;
/// Numbers that are looked up at once.
const STEP: usize = 1_000;

/// Numbers to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumbersInput {
    /// The first; its last digits are counted up and leading zeros stay.
    #[schema(example = "0669820000")]
    pub from: String,
    /// How many, `1..=100000`; all have as many digits as the first.
    #[schema(minimum = 1, maximum = 100_000, example = 1000)]
    pub count: u32,
    /// What lies between two of them, `1..=1000000`.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub step: u32,
    /// Attributes of every one.
    #[serde(default)]
    pub attributes: AttributeMap,
    /// Leave out numbers that the list holds.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub dedupe: bool,
    /// Only look: nothing is added.
    #[serde(default)]
    pub preview: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// What became of the numbers, or would.
#[derive(Debug, Serialize, ToSchema)]
pub struct NumbersMade {
    /// The first ten.
    pub first: Vec<String>,
    /// The last.
    pub last: String,
    /// How many were made.
    pub made: u64,
    /// Of these, on a list of numbers that nobody calls: they are left out.
    pub suppressed: u64,
    /// Of these, on the list already: they are left out. `null` of a preview: only adding finds out.
    pub skipped_duplicates: Option<u64>,
    /// Of these, added; `null` of a preview.
    pub added: Option<u64>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(make_numbers))
}

/// Adds numbers that follow each other to a list. Those on a suppression list that counts for every campaign are left out.
#[utoipa::path(post, path = "/api/lists/{id}/numbers", tag = "lists", params(("id" = i64, Path)),
    request_body = NumbersInput, security(("token" = ["operate"])),
    responses((status = 200, description = "what became of them, or would", body = NumbersMade)))]
async fn make_numbers(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<NumbersInput>,
) -> Result<axum::Json<NumbersMade>, ApiError> {
    let list = ListId(id);
    app.store.list(&caller.scope, list).await?;
    let range = NumberRange::new(&input.from, input.count, input.step)?;
    let attributes = input.attributes.checked()?;
    check_meaning(&attributes)?;
    let texts: Vec<String> = range.iter().collect();
    let country = app.store.country();
    let mut contacts = Vec::with_capacity(texts.len().min(MAX_NUMBERS as usize));
    for texts in texts.chunks(STEP) {
        let numbers: Vec<Dialable> =
            texts.iter().map(|text| Dialable::parse(text, country)).collect::<Result<_, _>>()?;
        let suppressed = app.store.suppressed(&caller.scope, &numbers).await?;
        let free = numbers.into_iter().zip(suppressed).filter(|(_, suppressed)| !suppressed);
        contacts.extend(free.map(|(number, _)| NewContact { number, attributes: attributes.clone() }));
    }
    let mut made = NumbersMade {
        first: texts.iter().take(SHOWN).cloned().collect(),
        last: texts.last().cloned().unwrap_or_default(),
        made: texts.len() as u64,
        suppressed: (texts.len() - contacts.len()) as u64,
        skipped_duplicates: None,
        added: None,
    };
    if !input.preview {
        let done = app.store.add_many_contacts(&caller.scope, list, contacts, input.dedupe).await?;
        app.contacts_added(list, done.added).await;
        (made.added, made.skipped_duplicates) = (Some(done.added), Some(done.duplicates));
    }
    Ok(axum::Json(made))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn numbers_are_looked_at_then_added_once_and_without_those_that_nobody_calls() {
        let server = Server::with_dialler().await;
        let [.., list] = server.furnish().await;
        let path = format!("/api/lists/{list}/numbers");
        server.post("/api/suppressions", json!({"numbers": ["0669820002"], "why": "asked"})).await.expect(200);
        let body = |preview: bool| json!({"from": "06 6982 0000", "count": 12, "attributes": {"TEST": "1"}, "preview": preview});
        let looked = server.post(&path, body(true)).await.expect(200);
        assert_eq!((&looked["made"], &looked["suppressed"], &looked["added"]), (&json!(12), &json!(1), &Value::Null));
        assert_eq!((looked["first"].as_array().unwrap().len(), &looked["last"]), (10, &json!("0669820011")));
        let there = async || server.get(&format!("/api/lists/{list}")).await.expect(200)["contacts"].clone();
        let before = there().await.as_i64().unwrap();
        let made = server.post(&path, body(false)).await.expect(200);
        let added = made["added"].as_i64().unwrap();
        assert_eq!(added + made["skipped_duplicates"].as_i64().unwrap(), 11, "{made}");
        assert_eq!(there().await, before + added);
        assert_eq!(server.post(&path, body(false)).await.expect(200)["added"], 0, "the list has them");
        for (wrong, field) in [
            (json!({"from": "abc", "count": 1}), "from"),
            (json!({"from": "98", "count": 3}), "count"),
            (json!({"from": "1", "count": 100_001}), "count"),
            (json!({"from": "1", "count": 1, "attributes": {"EXTEN": "1"}}), "attribute"),
        ] {
            assert_eq!(server.post(&path, wrong).await.refused(422).1, field);
        }
        server.post("/api/lists/77/numbers", json!({"from": "1", "count": 1})).await.refused(404);
    }
}
