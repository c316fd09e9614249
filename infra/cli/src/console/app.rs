//! What the pages share.

use super::cached::Cached;
use super::changes::Changes;
use super::paused::KnownPause;
use super::permission::{Asked, Permissions};
use super::work::Work;
use crate::account::Target;
use crate::commands::dead_letters::{DeadLetterQueues, Front};
use crate::commands::settings::HandlerSettings;
use crate::commands::status::{HandlerDay, History, Source, Status};
use crate::handler_entries::{self, Clients, Entry};
use crate::schedules::ScheduleState;
use anyhow::Result;
use automations::clock::{self, Timestamp};
use automations::id::OrganisationId;
use automations::store::OwnSettings;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Dead letters are hidden from every other reader while they are read, so they are not read at each view; and of a long queue, another
/// read may return others than those that a page shows.
const DEAD_LETTERS: Duration = Duration::from_mins(5);

/// Every organisation with its own settings of handlers.
pub(super) type OwnByOrganisation = Vec<(OrganisationId, Vec<(String, OwnSettings)>)>;

/// The stack, the session's token, and what was read or asked for in this run.
#[derive(Debug)]
pub(super) struct App {
    pub(super) target: Target,
    /// What each form that changes something sends back.
    pub(super) token: String,
    pub(super) changes: Changes<Work>,
    pub(super) dead_letters: Cached<Front>,
    /// For the overview, which its script reads every ten seconds.
    status: Cached<Status>,
    /// `CloudWatch` charges for each series that is read.
    pub(super) history: Cached<History>,
    pub(super) handler_days: Cached<BTreeMap<String, HandlerDay>>,
    entries: Cached<Vec<Entry>>,
    pub(super) schedules: Cached<Vec<ScheduleState>>,
    settings: Cached<OwnByOrganisation>,
    pauses: Cached<Vec<KnownPause>>,
    permissions: Permissions,
}

impl App {
    pub(super) fn new(target: Target, token: String) -> Self {
        Self {
            target,
            token,
            changes: Changes::default(),
            dead_letters: Cached::new(DEAD_LETTERS),
            status: Cached::new(Duration::from_secs(5)),
            history: Cached::new(Duration::from_mins(5)),
            handler_days: Cached::new(Duration::from_mins(5)),
            entries: Cached::new(Duration::from_mins(1)),
            schedules: Cached::new(Duration::from_mins(1)),
            settings: Cached::new(Duration::from_mins(1)),
            pauses: Cached::new(Duration::from_secs(5)),
            permissions: Permissions::default(),
        }
    }

    pub(super) fn dead_letter_queues(&self, now: Timestamp) -> DeadLetterQueues {
        DeadLetterQueues::new(&self.target.config, self.target.stack.clone(), self.target.store(), now)
    }

    /// The handlers' entries that are deployed.
    pub(super) async fn entries(&self, now: Timestamp) -> Result<Arc<Vec<Entry>>> {
        let config = &self.target.config;
        let clients = Clients {
            cloudformation: &aws_sdk_cloudformation::Client::new(config),
            lambda: &aws_sdk_lambda::Client::new(config),
            sns: &automations::aws::sns(config),
        };
        self.entries.get(now, Box::pin(handler_entries::deployed(&clients, &self.target.stack))).await
    }

    /// What is read for the overview.
    pub(super) async fn status(&self, now: Timestamp) -> Result<Arc<Status>> {
        let read = async { Source::of(&self.target)?.glance(now).await };
        self.status.get(now, Box::pin(read)).await
    }

    /// What is paused.
    pub(super) async fn pauses(&self, now: Timestamp) -> Result<Arc<Vec<KnownPause>>> {
        let read = async { KnownPause::all(&self.target.store()).await };
        self.pauses.get(now, Box::pin(read)).await
    }

    /// The IAM actions that one of these commands needs and the profile lacks.
    pub(super) async fn lacked(&self, commands: &[&str], now: Timestamp) -> Vec<&'static str> {
        let entries = if Permissions::ask_a_handler(commands) { self.entries(now).await.ok() } else { None };
        let handler = entries.as_ref().and_then(|entries| entries.first()).map(|entry| entry.name.as_str());
        self.permissions.lacked(Asked { target: &self.target, handler }, commands, now).await
    }

    /// What organisations have in place of the handlers' entries.
    pub(super) async fn settings(&self, now: Timestamp) -> Result<Arc<OwnByOrganisation>> {
        let read = async { HandlerSettings::of(&self.target)?.by_organisation().await };
        self.settings.get(now, Box::pin(read)).await
    }

    /// Forgets what a change may have changed.
    pub(super) async fn forget(&self) {
        self.dead_letters.forget().await;
        self.status.forget().await;
        self.settings.forget().await;
        self.pauses.forget().await;
    }
}

/// Does work on a thread of its own, with the time: futures that borrow from streams are not `Send`, as axum wants them.
pub(super) async fn apart<T, F>(
    app: &Arc<App>,
    work: impl FnOnce(Arc<App>, Timestamp) -> F + Send + 'static,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let (app, runtime) = (Arc::clone(app), Handle::current());
    tokio::task::spawn_blocking(move || runtime.block_on(work(app, clock::now()))).await?
}
