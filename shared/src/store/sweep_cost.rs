//! What a sweep reads of an index with 100,000 reminders that wait: calls and units of a fake of DynamoDB's index, and no times.

#[cfg(test)]
mod tests {
    use super::super::due_index::{SHARDS, shard};
    use super::super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use crate::id::TicketId;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    const PER_RUN: u16 = 200;

    /// The index `due`, in its order, and what was read of it.
    struct Index {
        rows: BTreeMap<(String, u64, usize), Value>,
        calls: u64,
        read: u64,
        /// In halves, as reads of an index are eventually consistent: one for each 4 KB of a response (Amazon DynamoDB Developer Guide,
        /// "DynamoDB read and write operations").
        half_units: u64,
    }

    impl Index {
        /// This many reminders, of which these are due, a minute before `now`; the others in the year after it.
        fn new(pending: usize, due: usize, now: Timestamp) -> Self {
            let row = |number: usize| {
                let ticket = TicketId::parse(format!("ticket-{number}")).unwrap();
                let wait =
                    Duration::from_mins(u64::try_from(number).unwrap().saturating_mul(5).saturating_add(1));
                let at = if number < due { now.earlier(Duration::from_mins(1)) } else { now.later(wait) };
                let shard = shard(&ticket);
                let item = json!({
                    "pk": { "S": format!("TICKET#north#{ticket}") }, "sk": { "S": "REMINDER#review" },
                    "due_shard": { "S": shard }, "next_check": { "N": at.as_millis().to_string() },
                });
                ((shard, at.as_millis(), number), item)
            };
            Self { rows: (0..pending).map(row).collect(), calls: 0, read: 0, half_units: 0 }
        }

        fn query(&mut self, request: &Value) -> Value {
            assert_eq!(request["KeyConditionExpression"], "due_shard = :shard AND next_check <= :now");
            let values = &request["ExpressionAttributeValues"];
            let shard = values[":shard"]["S"].as_str().unwrap().to_owned();
            let now: u64 = values[":now"]["N"].as_str().unwrap().parse().unwrap();
            let limit = usize::try_from(request["Limit"].as_u64().unwrap()).unwrap();
            let range = (shard.clone(), 0, 0)..=(shard, now, usize::MAX);
            let items: Vec<Value> =
                self.rows.range(range).take(limit).map(|(_, item)| item.clone()).collect();
            let bytes: usize = items.iter().map(|item| item.to_string().len()).sum();
            self.calls = self.calls.saturating_add(1);
            self.read = self.read.saturating_add(u64::try_from(items.len()).unwrap());
            let half_units = u64::try_from(bytes.div_ceil(4_096).max(1)).unwrap();
            self.half_units = self.half_units.saturating_add(half_units);
            json!({ "Items": items })
        }
    }

    /// A sweep's calls, rows and halves of read units.
    async fn sweep(pending: usize, due: usize) -> (u64, u64, u64) {
        let now: Timestamp = "2026-11-25T09:00:00Z".parse().unwrap();
        let index = Arc::new(Mutex::new(Index::new(pending, due, now)));
        let seen = Arc::clone(&index);
        let config =
            aws::stub::config_with_responses(move |request| (200, seen.lock().unwrap().query(request)));
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            found.extend(store.due(shard, now, PER_RUN).await.unwrap());
        }
        assert_eq!(found.len(), due);
        let index = index.lock().unwrap();
        (index.calls, index.read, index.half_units)
    }

    #[tokio::test]
    async fn a_sweep_costs_the_same_whatever_number_of_reminders_waits() {
        let mut costs = Vec::new();
        for pending in [100, 10_000, 100_000] {
            for due in [0, 60] {
                let (calls, read, half_units) = sweep(pending, due).await;
                println!(
                    "{pending} reminders, {due} due: {calls} queries, {read} rows, {half_units} half read units"
                );
                costs.push((due, (calls, read, half_units)));
            }
        }
        let of = |due: usize| costs.iter().filter(move |(own, _)| *own == due).map(|(_, cost)| *cost);
        assert!(of(0).all(|cost| cost == (16, 0, 16)), "{costs:?}");
        assert!(
            of(60).all(|(calls, read, half_units)| (calls, read) == (16, 60) && half_units <= 32),
            "{costs:?}"
        );
        let units: Vec<u64> = of(60).map(|(_, _, units)| units).collect();
        assert!(units.windows(2).all(|pair| pair[0] == pair[1]), "{units:?}");
    }
}
