//! The audit: each command that changes something is recorded before it begins, and how it went after it: who, when, what, how many.

use crate::account::Target;
use crate::report::say;
use anyhow::{Context as _, Result};
use automations::clock;
use automations::id::OrganisationId;
use automations::store::{Operation, OperationState, Store};
use aws_config::SdkConfig;
use aws_sdk_sqs::config::ProvideCredentials as _;
use std::fmt::{Display, Write as _};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A run that lasts longer than this is recorded with its number so far, again and again: if it is killed, its row has it.
const CHECKPOINT: Duration = Duration::from_secs(15);

/// A change that an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    command: &'static str,
    scope: Vec<String>,
}

impl Change {
    /// By this command, such as `dlq redrive`.
    pub fn by(command: &'static str) -> Self {
        Self { command, scope: Vec::new() }
    }

    /// Of this organisation.
    #[must_use]
    pub fn of(self, organisation: &OrganisationId) -> Self {
        self.limited("organisation", Some(organisation))
    }

    /// Limited by this option, if it is given. Its value is kept for a year: only ids, names of our own and codes.
    #[must_use]
    pub fn limited(mut self, option: &str, value: Option<impl Display>) -> Self {
        self.scope.extend(value.map(|value| format!("--{option} {value}")));
        self
    }

    /// Limited by this option of a filter. Of a label, a stage and a workflow only that there was one: a brokerage's own words may name a
    /// person.
    #[must_use]
    pub fn selected(self, option: &str, value: impl Display) -> Self {
        if ["label", "stage", "workflow"].contains(&option) {
            self.with(option, true)
        } else {
            self.limited(option, Some(value))
        }
    }

    /// What it is limited to, as it is recorded.
    pub(crate) fn scope(&self) -> String {
        self.scope.join(" ")
    }

    /// With this flag, if it is set.
    #[must_use]
    pub fn with(mut self, flag: &str, is_set: bool) -> Self {
        self.scope.extend(is_set.then(|| format!("--{flag}")));
        self
    }
}

/// How far a change of many things is: its row in the audit has it even if the change ends early.
#[derive(Debug, Default)]
pub struct Tally {
    changed: AtomicU64,
    is_interrupted: AtomicBool,
    resume: Mutex<Option<String>>,
}

impl Tally {
    /// This many more were changed.
    pub fn add(&self, number: usize) {
        self.changed.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// This many were changed in all.
    pub fn reaches(&self, number: usize) {
        self.changed.store(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number of things that were changed so far.
    pub fn changed(&self) -> u64 {
        self.changed.load(Ordering::Relaxed)
    }

    /// Where the same command goes on; none if it did all.
    pub fn goes_on(&self, from: Option<String>) {
        *self.resume.lock().unwrap_or_else(PoisonError::into_inner) = from;
    }

    /// Its operator interrupted it.
    pub fn interrupted(&self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
    }

    fn resume(&self) -> Option<String> {
        self.resume.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fill(&self, operation: &mut Operation) {
        operation.changed = Some(self.changed());
        operation.resume = self.resume();
    }
}

/// Where operations are recorded.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Store,
    config: SdkConfig,
    checkpoint: Duration,
}

impl Audit {
    /// In this table, by the identity of these credentials.
    pub fn new(config: &SdkConfig, store: Store) -> Self {
        Self { store, config: config.clone(), checkpoint: CHECKPOINT }
    }

    /// Of this target.
    pub fn of(target: &Target) -> Self {
        Self::new(&target.config, target.store())
    }

    /// Records the change, does it, and records how it went. `work` returns the number of things that it changed beside its result.
    ///
    /// # Errors
    /// If the change cannot be recorded: then nothing is changed. Else the error of `work`.
    pub fn record<'a, T: 'a>(
        &'a self,
        change: &'a Change,
        work: impl Future<Output = Result<(T, Option<u64>)>> + 'a,
    ) -> Pin<Box<impl Future<Output = Result<T>> + 'a>> {
        // The work may be large, and is a part of the command's own future.
        Box::pin(self.recorded(change, work))
    }

    async fn recorded<T>(
        &self,
        change: &Change,
        work: impl Future<Output = Result<(T, Option<u64>)>>,
    ) -> Result<T> {
        let mut operation = self.begin(change, None).await?;
        let result = work.await;
        (operation.state, operation.changed) = match &result {
            Ok((_, changed)) => (OperationState::Done, *changed),
            Err(_) => (OperationState::Failed, None),
        };
        self.end(&operation).await;
        result.map(|(result, _)| result)
    }

    /// As [`Self::record`], for a change of many things: what `work` has tallied is recorded however it ends.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn record_tally<'a, T: 'a>(
        &'a self,
        change: &'a Change,
        tally: &'a Tally,
        work: impl Future<Output = Result<T>> + 'a,
    ) -> Pin<Box<impl Future<Output = Result<T>> + 'a>> {
        Box::pin(self.tallied(change, tally, work))
    }

    async fn tallied<T>(
        &self,
        change: &Change,
        tally: &Tally,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut operation = self.begin(change, tally.resume()).await?;
        let mut work = pin!(work);
        let result = loop {
            if let Ok(result) = tokio::time::timeout(self.checkpoint, &mut work).await {
                break result;
            }
            tally.fill(&mut operation);
            // If this fails, the next one or the end says more.
            let _ = self.store.record_operation(&operation).await;
        };
        tally.fill(&mut operation);
        operation.state = match &result {
            Ok(_) if tally.is_interrupted.load(Ordering::Relaxed) => OperationState::Interrupted,
            Ok(_) => OperationState::Done,
            Err(_) => OperationState::Failed,
        };
        self.end(&operation).await;
        result
    }

    async fn begin(&self, change: &Change, resume: Option<String>) -> Result<Operation> {
        let operation = Operation {
            at: clock::now(),
            id: random_id()?,
            operator: self.operator().await,
            command: change.command.to_owned(),
            scope: change.scope(),
            state: OperationState::Started,
            changed: None,
            resume,
        };
        let begun = self.store.record_operation(&operation).await;
        begun.context(
            "nothing was changed, as the change could not be recorded for `automations audit`; the profile needs dynamodb:PutItem on \
             the stack's table",
        )?;
        Ok(operation)
    }

    async fn end(&self, operation: &Operation) {
        if let Err(error) = self.store.record_operation(operation).await {
            say(&format!("the end of this command could not be recorded for `automations audit`: {error}"));
        }
    }

    /// The ARN of who runs this program. If STS does not say it, the access key's id.
    async fn operator(&self) -> String {
        let identity = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
        if let Some(arn) = identity.ok().and_then(|identity| identity.arn) {
            return arn;
        }
        let Some(provider) = self.config.credentials_provider() else { return "unknown".to_owned() };
        let credentials = provider.provide_credentials().await;
        credentials.map_or_else(
            |_| "unknown".to_owned(),
            |credentials| format!("access key {}", credentials.access_key_id()),
        )
    }
}

/// The number of things that were changed, as [`Audit::record`] takes it.
pub fn changed(number: usize) -> Option<u64> {
    u64::try_from(number).ok()
}

/// An id that no other has.
///
/// # Errors
/// If the operating system gives no random bytes.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(bytes.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;
    use anyhow::bail;
    use automations::aws;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// An audit whose table refuses to store if asked to, and what was put into it.
    fn audit(status: u16) -> (Audit, Arc<Mutex<Vec<Value>>>) {
        let items: Arc<Mutex<Vec<Value>>> = Arc::default();
        let table = Arc::clone(&items);
        let config = stub::config(Duration::ZERO, move |operation, request| match operation {
            "PutItem" => {
                table.lock().unwrap().push(request["Item"].clone());
                (status, "{}".to_owned())
            }
            "GetCallerIdentity" => {
                (200, stub::xml(operation, "<Arn>arn:aws:iam::111122223333:user/operator</Arn>"))
            }
            other => panic!("{other}"),
        });
        (Audit::new(&config, Store::new(aws::dynamodb(&config), "t".to_owned())), items)
    }

    fn change() -> Change {
        let organisation = OrganisationId::parse("north").unwrap();
        let change = Change::by("dlq redrive").of(&organisation).limited("reason", Some("not_found"));
        change.limited("queue", None::<String>).with("out-of-order", true).with("retry-unknown", false)
    }

    fn states(items: &Mutex<Vec<Value>>) -> Vec<(String, Option<String>)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let items = items.lock().unwrap();
        items
            .iter()
            .map(|item| (text(&item["state"]["S"]).unwrap_or_default(), text(&item["changed"]["N"])))
            .collect()
    }

    /// Row 21 of the anchors.
    #[tokio::test]
    async fn a_change_is_recorded_before_it_begins_and_again_with_its_number() {
        let (audit, items) = audit(200);
        let seen = Arc::clone(&items);
        let work = async move { Ok((seen.lock().unwrap().len(), changed(3))) };
        assert_eq!(audit.record(&change(), work).await.unwrap(), 1, "one item when the work begins");
        assert_eq!(states(&items), [("started".to_owned(), None), ("done".to_owned(), Some("3".to_owned()))]);
        let item = items.lock().unwrap()[1].clone();
        assert_eq!(item["scope"]["S"], "--organisation north --reason not_found --out-of-order");
        assert_eq!(item["operator"]["S"], "arn:aws:iam::111122223333:user/operator");
        assert_eq!(item["sk"], items.lock().unwrap()[0]["sk"], "the same item");
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_recorded_is_not_made() {
        let (audit, _) = audit(400);
        let is_done = Mutex::new(false);
        let work = async {
            *is_done.lock().unwrap() = true;
            Ok(((), None))
        };
        let error = audit.record(&change(), work).await.unwrap_err().to_string();
        assert!(error.starts_with("nothing was changed"), "{error}");
        assert!(!*is_done.lock().unwrap());
    }

    /// Row 21 of the anchors: also if it is interrupted, or a request fails.
    #[tokio::test]
    async fn a_run_that_ends_early_says_how_many_it_changed_and_where_it_goes_on() {
        for (is_interrupted, state) in [(true, "interrupted"), (false, "failed")] {
            let (audit, items) = audit(200);
            let tally = Tally::default();
            let work = async {
                tally.add(2);
                tally.goes_on(Some("e-2".to_owned()));
                if is_interrupted {
                    tally.interrupted();
                    return Ok(());
                }
                bail!("SNS does not respond")
            };
            let result: Result<()> = audit.record_tally(&change(), &tally, work).await;
            assert_eq!(result.is_ok(), is_interrupted);
            assert_eq!(states(&items)[1], (state.to_owned(), Some("2".to_owned())));
            assert_eq!(items.lock().unwrap()[1]["resume"]["S"], "e-2");
        }
    }

    /// As when its process is killed, or the connection is lost for good.
    #[tokio::test]
    async fn a_long_run_is_recorded_with_its_number_while_it_runs() {
        let (audit, items) = audit(200);
        let audit = Audit { checkpoint: Duration::from_millis(1), ..audit };
        let tally = Tally::default();
        let seen = Arc::clone(&items);
        let work = async {
            tally.add(7);
            while states(&seen).len() < 2 {
                tokio::task::yield_now().await;
            }
            Ok(states(&seen))
        };
        let while_running = audit.record_tally(&change(), &tally, work).await.unwrap();
        assert_eq!(while_running[1], ("started".to_owned(), Some("7".to_owned())));
    }

    #[tokio::test]
    async fn a_change_that_failed_says_so() {
        let (audit, items) = audit(200);
        let work = async { bail!("SQS does not respond") };
        let result: Result<()> = audit.record(&change(), work).await;
        assert!(result.is_err());
        assert_eq!(states(&items)[1], ("failed".to_owned(), None));
    }
}
