//! The last firing of each handler's schedule that was published, so that a firing is published once, and missed ones are counted.

use super::keys::{CLOCKS, clock_key};
use super::{
    Error, Item, Store, number, report_unreadable, text, unavailable, unless_condition_failed, unusable,
};
use crate::clock::Timestamp;
use crate::id::ClockKind;
use crate::model::firing::{Fired, LastFired};
use crate::model::schedule::Schedule;

impl Store {
    /// The last firing of a clock that was published, read consistently; none if there was none. One that cannot be read is logged, and
    /// is none too: then the next firing is published, and counts none as missed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn last_fired(&self, clock: &ClockKind) -> Result<Option<LastFired>, Error> {
        let items = self.get_all(vec![clock_key(clock)]).await?;
        Ok(items.first().and_then(|item| match last_fired(item) {
            Ok(last) => Some(last),
            Err(error) => {
                report_unreadable(item, &error);
                None
            }
        }))
    }

    /// Records that a firing was published, unless a newer one was. The result is whether it is recorded.
    ///
    /// # Errors
    /// [`Error`]; then the firing is published again, with the same ids.
    pub async fn record_fired(
        &self,
        fired: &Fired,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(clock_key(&fired.clock)))
            .update_expression(
                "SET fired_at = :fired, schedule = :schedule, missed = :missed, published_at = :now",
            )
            .condition_expression("attribute_not_exists(fired_at) OR fired_at < :fired")
            .expression_attribute_values(":fired", number(fired.at.as_millis()))
            .expression_attribute_values(":schedule", text(schedule.to_string()))
            .expression_attribute_values(":missed", number(fired.missed.into()))
            .expression_attribute_values(":now", number(now.as_millis()));
        unless_condition_failed(request.send().await).map(|recorded| recorded.is_some())
    }

    /// The last firings of all clocks, for an operator.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn clocks(&self) -> Result<Vec<(ClockKind, LastFired)>, Error> {
        let request = self.client.query().table_name(&self.table);
        let request =
            request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(CLOCKS));
        let mut pages = request.into_paginator().items().send();
        let mut clocks = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            let clock = item.get("sk").and_then(|sk| ClockKind::parse(sk.as_s().ok()?).ok());
            match (clock, last_fired(&item)) {
                (Some(clock), Ok(last)) => clocks.push((clock, last)),
                (None, _) => report_unreadable(&item, &unusable(&item, "sk", None)),
                (_, Err(error)) => report_unreadable(&item, &error),
            }
        }
        Ok(clocks)
    }
}

fn last_fired(item: &Item) -> Result<LastFired, Error> {
    let at = item.get("fired_at").and_then(|at| at.as_n().ok()?.parse().ok());
    let at = at.map(Timestamp::from_millis).ok_or_else(|| unusable(item, "fired_at", None))?;
    let schedule = item.get("schedule").and_then(|schedule| schedule.as_s().ok());
    let schedule = schedule.cloned().ok_or_else(|| unusable(item, "schedule", None))?;
    Ok(LastFired { at, schedule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::model::reminder::Zone;
    use serde_json::{Value, json};

    fn store(status: u16, response: Value) -> Store {
        let config = aws::stub::config_with_responses(move |_| (status, response.clone()));
        Store::new(aws::dynamodb(&config), "t".to_owned())
    }

    fn clock() -> ClockKind {
        ClockKind::parse("clock.digest").unwrap()
    }

    fn item(fired_at: &Value) -> Value {
        json!({
            "pk": { "S": "CLOCKS" }, "sk": { "S": "clock.digest" },
            "fired_at": fired_at, "schedule": { "S": "rate(1 hour) Australia/Sydney" },
        })
    }

    #[tokio::test]
    async fn the_last_firing_is_read_and_one_that_cannot_be_read_is_none() {
        let read = async |item: Value| {
            store(200, json!({ "Responses": { "t": [item] } })).last_fired(&clock()).await
        };
        let last = read(item(&json!({ "N": "5" }))).await.unwrap().unwrap();
        assert_eq!(
            (last.at, last.schedule.as_str()),
            (Timestamp::from_millis(5), "rate(1 hour) Australia/Sydney")
        );
        assert_eq!(read(item(&json!({ "S": "noon" }))).await, Ok(None));
        let clocks =
            store(200, json!({ "Items": [item(&json!({ "S": "noon" })), item(&json!({ "N": "5" }))] }));
        assert_eq!(clocks.clocks().await, Ok(vec![(clock(), last)]));
    }

    #[tokio::test]
    async fn a_firing_that_is_older_than_the_recorded_one_is_not_recorded() {
        let fired = Fired { clock: clock(), at: Timestamp::from_millis(5), missed: 0, zone: Zone::Sydney };
        let schedule = Schedule { expression: "rate(1 hour)".parse().unwrap(), zone: Zone::Sydney };
        let record =
            async |status, response| store(status, response).record_fired(&fired, &schedule, fired.at).await;
        assert_eq!(record(200, json!({})).await, Ok(true));
        assert_eq!(record(400, json!({ "__type": "ConditionalCheckFailedException" })).await, Ok(false));
    }
}
