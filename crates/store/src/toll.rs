//! The calls of the last hour, for the caps per hour to a prefix: they hold over a restart.

use crate::contacts;
use crate::db::Store;
use crate::engine::query;
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use crate::standing::counts;
use domain::{Dialable, Timestamp};

/// Calls that are given, at most: the youngest. More than 277 were made in every second otherwise.
pub const MAX_CALLS: u32 = 1_000_000;
const HOUR_S: i64 = 3_600;

statements! {
    // By time, not by id: a reservation that is accepted is decided then.
    LAST_HOUR = concat!(
        "SELECT a.scheduled_at, a.number_no, c.number_as_given, c.number, c.e164, c.alternates FROM attempt a \
        JOIN contact c ON c.id = a.contact_id WHERE a.tenant_id = $1 AND a.scheduled_at > $2 AND ",
        counts!("a"),
        " AND c.number <> '' ORDER BY a.scheduled_at DESC, a.id DESC LIMIT $3"
    );
}

impl Store {
    /// When each call of the last hour was decided and to which number: those that were sent, or may have been. Calls to
    /// people who were forgotten are not among them.
    pub async fn calls_of_last_hour(&self, scope: &Scope, now: Timestamp) -> Result<Vec<(Timestamp, Dialable)>> {
        let mut connection = self.readers().begin().await?;
        let rows = query(LAST_HOUR)
            .bind(scope.tenant.0)
            .bind(now.plus_seconds(-HOUR_S).0)
            .bind(i64::from(MAX_CALLS))
            .fetch_all(&mut connection)
            .await?;
        let call = |row: &crate::engine::Row| {
            let at = Timestamp(row.int("scheduled_at")?);
            // Which of the contact's numbers was called; its own in the place of one that was taken away since.
            let no: u32 = row.number("number_no")?;
            if no > 0
                && let Some(called) = contacts::numbers::further(row, |one| one.no == no)?
            {
                return Ok((at, called.number));
            }
            let (as_given, dialled) = (row.text("number_as_given")?, row.text("number")?);
            Ok((at, Dialable { as_given, dialled, e164: row.opt_text("e164")? }))
        };
        rows.iter().map(call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Write;
    use crate::testing::{Home, World};
    use domain::{Alternates, Attributes};

    crate::testing::on_both_engines! {
        the_calls_of_the_hour_are_those_that_were_made;
    }

    async fn the_calls_of_the_hour_are_those_that_were_made(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
        let batch = vec![
            Write::Attempt(world.attempt(1, run, 0, 0)),
            Write::Attempt(world.attempt(2, run, 1, 0)),
            Write::Withdraw(world.withdrawal(2, run, 1, 0)),
            Write::Attempt(world.attempt(3, run, 2, 0)),
        ];
        store.commit(&scope, batch).await.unwrap();
        let of = async |seconds: i64| {
            let calls = store.calls_of_last_hour(&scope, Timestamp(seconds * 1_000_000)).await.unwrap();
            calls.into_iter().map(|(at, number)| (at.0 / 1_000_000, number)).collect::<Vec<_>>()
        };
        let [first, third] = [0, 2].map(|index| world.contacts[index].number.clone());
        assert_eq!(of(10).await, [(3, third.clone()), (1, first)]);
        assert_eq!(of(HOUR_S + 2).await, [(3, third)]);
        assert_eq!(of(HOUR_S + 3).await, []);
        // The first was reserved for an agent, who wanted it an hour later.
        let mut transaction = store.begin().await.unwrap();
        let late = (HOUR_S + 1) * 1_000_000;
        query("UPDATE attempt SET scheduled_at = $1 WHERE id = 1").bind(late).execute(&mut transaction).await.unwrap();
        // And it was the second number of that contact that was called.
        let contact = &world.contacts[0];
        let mut attributes = Attributes::default();
        attributes.set("MULTINUM1", "+39 06 1234 5678").unwrap();
        let several = Alternates::of(&contact.number, &attributes, None, 1, None, || 7).unwrap();
        let text = serde_json::to_string(&several).unwrap();
        query("UPDATE contact SET alternates = $1 WHERE id = $2")
            .bind(text)
            .bind(contact.id.0)
            .execute(&mut transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(of(HOUR_S + 3).await, [(HOUR_S + 1, contact.number.clone())]);
        let mut transaction = store.begin().await.unwrap();
        query("UPDATE attempt SET number_no = 1 WHERE id = 1").execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(of(HOUR_S + 3).await, [(HOUR_S + 1, several.numbers[0].number.clone())]);
        // Suppressed before it was sent, or while it rang and we died before we wrote that it was sent.
        for (cause, counts) in [(0, 0), (19, 1)] {
            let mut transaction = store.begin().await.unwrap();
            let ends =
                "UPDATE attempt SET state = 'RS_BLACKLIST', ended_at = 9, requested_at = NULL, cause = $1 WHERE id = 1";
            query(ends).bind(cause).execute(&mut transaction).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(of(HOUR_S + 3).await.len(), counts, "cause {cause}");
        }
    }
}
