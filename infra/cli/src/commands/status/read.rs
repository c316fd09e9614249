//! Reading what a status shows. Each part is read for itself.

use super::{
    FunctionState, HandlerDay, History, OrganisationState, Part, QueueState, Status, alarms, history, kept,
};
use crate::account::Target;
use crate::commands::alias_check::{ALIAS, AliasCheck, Deployed};
use crate::commands::dead_letters::{DeadLetterQueues, Summary};
use crate::commands::listen::old_queues;
use crate::commands::organisation::Organisations;
use crate::commands::pause::Pauser;
use crate::schedules::{self, ScheduleState};
use crate::stack_resources;
use anyhow::{Context as _, Result};
use automations::aws;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::store::{Pause, Paused, Store};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures::future::{join_all, try_join_all};
use futures::join;
use std::collections::{BTreeMap, BTreeSet};

/// The services that are asked.
#[derive(Debug)]
pub struct Source {
    target: Target,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    lambda: aws_sdk_lambda::Client,
    scheduler: aws_sdk_scheduler::Client,
    sqs: aws_sdk_sqs::Client,
    store: Store,
    organisations: Organisations,
}

impl Source {
    /// Those of this target.
    ///
    /// # Errors
    /// If the system's TLS set-up is unusable.
    pub fn of(target: &Target) -> Result<Self> {
        let config = &target.config;
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            scheduler: aws_sdk_scheduler::Client::new(config),
            sqs: aws::sqs(config),
            store: target.store(),
            organisations: Organisations::of(target)?,
            target: target.clone(),
        })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// If the stack is not deployed, or AWS cannot be reached; what else fails is in the status.
    pub async fn read(&self, now: Timestamp) -> Result<Status> {
        let dead_letters = self.dead_letters(now);
        let read = Box::pin(self.read_with(dead_letters.list(), now));
        let (read, left_behind) = join!(read, old_queues(&self.sqs, &self.target.stack, now));
        let named = |url: String| url.rsplit('/').next().map(str::to_owned);
        let left_behind = part(left_behind.map(|urls| urls.into_iter().filter_map(named).collect()));
        let read = read?;
        let read_while_paused = part(self.read_while_paused(&read.pauses).await);
        let organisations = match &read.organisations {
            Part::Read(all) => all.as_slice(),
            Part::NotRead(_) => &[],
        };
        let (own_settings, reminders) =
            join!(kept::own_settings(&self.store, organisations), kept::reminders(&self.store, now));
        let (own_settings, reminders) = (part(own_settings), part(reminders));
        Ok(Status { left_behind, read_while_paused, own_settings, reminders, ..read })
    }

    async fn read_while_paused(&self, pauses: &Part<Vec<Pause>>) -> Result<Vec<Paused>> {
        let all = match pauses {
            Part::Read(all) => all.as_slice(),
            Part::NotRead(_) => &[],
        };
        let mut found = Vec::new();
        for pause in all.iter().filter(|pause| !pause.is_resuming()) {
            if Pauser::of(&self.target)?.is_read(&pause.paused).await? {
                found.push(pause.paused.clone());
            }
        }
        Ok(found)
    }

    /// The same without what `automations listen` left, and dead letters are only counted: to read one hides it from every other reader
    /// for that moment.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub(crate) async fn glance(&self, now: Timestamp) -> Result<Status> {
        Box::pin(self.read_with(self.dead_letters(now).counted(), now)).await
    }

    /// The last day of these queues and of the whole stack.
    ///
    /// # Errors
    /// If `CloudWatch` refuses it.
    pub(crate) async fn history(&self, queues: &[String], now: Timestamp) -> Result<History> {
        history::read(&self.cloudwatch, &self.target.stack, queues, now).await
    }

    /// The last day of these handlers.
    ///
    /// # Errors
    /// If `CloudWatch` refuses it.
    pub(crate) async fn handler_days(
        &self,
        handlers: &[String],
        now: Timestamp,
    ) -> Result<BTreeMap<String, HandlerDay>> {
        history::of_handlers(&self.cloudwatch, &self.target.stack, handlers, now).await
    }

    fn dead_letters(&self, now: Timestamp) -> DeadLetterQueues {
        DeadLetterQueues::new(&self.target.config, self.target.stack.clone(), self.store.clone(), now)
    }

    async fn read_with(
        &self,
        dead_letters: impl Future<Output = Result<Vec<Summary>>>,
        now: Timestamp,
    ) -> Result<Status> {
        let stack = &self.target.stack;
        let (state, _) = self.organisations.application().await?;
        let sounding = alarms::sounding(&self.cloudwatch, &self.cloudformation, stack);
        let (queues, dead_letters, organisations, functions, schedules, alarms) = join!(
            self.queues(now),
            dead_letters,
            self.organisations(now),
            self.functions(),
            self.schedules(now),
            sounding,
        );
        let (queues, ages_not_read) = match queues {
            Ok((queues, ages_not_read)) => (Part::Read(queues), ages_not_read),
            Err(error) => (part(Err(error)), None),
        };
        Ok(Status {
            stack: stack.clone(),
            state,
            at: now,
            queues,
            ages_not_read,
            dead_letters: part(dead_letters),
            organisations: part(organisations),
            functions: part(functions),
            schedules: part(schedules),
            alarms: part(alarms),
            left_behind: Part::Read(Vec::new()),
            pauses: part(self.store.pauses().await.context("the pauses")),
            read_while_paused: Part::Read(Vec::new()),
            own_settings: Part::Read(Vec::new()),
            reminders: Part::Read(Vec::new()),
        })
    }

    /// The handlers' schedules.
    pub(crate) async fn schedules(&self, now: Timestamp) -> Result<Vec<ScheduleState>> {
        schedules::deployed(&self.cloudformation, &self.scheduler, &self.store, &self.target.stack, now).await
    }

    /// The queues, and why the ages of their messages were not read, if they were not.
    async fn queues(&self, now: Timestamp) -> Result<(Vec<QueueState>, Option<String>)> {
        let urls =
            stack_resources::of_type(&self.cloudformation, &self.target.stack, "AWS::SQS::Queue").await?;
        let named = urls.into_iter().filter_map(|url| Some((url.rsplit('/').next()?.to_owned(), url)));
        let named: Vec<_> = named.filter(|(name, _)| !name.contains("-dead-letters")).collect();
        let wanted: Vec<String> = named.iter().map(|(name, _)| name.clone()).collect();
        let oldest = alarms::oldest(&self.cloudwatch, &self.target.stack, &wanted, now);
        let depths = try_join_all(named.iter().map(async |(queue, url)| self.depth(queue, url).await));
        let (oldest, depths) = join!(oldest, depths);
        let mut queues = depths?;
        match oldest {
            Ok(oldest) => {
                for queue in &mut queues {
                    queue.oldest_s = oldest.get(&queue.queue).copied();
                }
                Ok((queues, None))
            }
            Err(error) => Ok((queues, Some(format!("{error:#}")))),
        }
    }

    async fn depth(&self, queue: &str, url: &str) -> Result<QueueState> {
        let wanted = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesDelayed,
            Attribute::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(url);
        let response = request.set_attribute_names(Some(wanted.to_vec())).send().await;
        let response = response.with_context(|| format!("the queue {queue}"))?;
        let number = |name: &Attribute| {
            response.attributes().and_then(|all| all.get(name)?.parse::<u64>().ok()).unwrap_or_default()
        };
        let [visible, delayed, in_flight] = wanted.each_ref().map(number);
        let waiting = visible.saturating_add(delayed);
        Ok(QueueState { queue: queue.to_owned(), waiting, in_flight, oldest_s: None })
    }

    async fn organisations(&self, now: Timestamp) -> Result<Vec<OrganisationState>> {
        let names = self.organisations.list().await?;
        let listings = self.store.listings().await.context("the list of organisations")?;
        let listed: BTreeSet<OrganisationId> =
            listings.into_iter().map(|listing| listing.organisation).collect();
        let states = names.into_iter().map(async |name| {
            let (token_problem, days_left) = self.organisations.token_state(&name, now).await?;
            let last = self.store.token_uses(&name).await?.into_iter().map(|seen| seen.at).max();
            anyhow::Ok(OrganisationState {
                is_listed: listed.contains(&name),
                organisation: name,
                token_problem,
                days_left,
                last_webhook_at: last,
                last_webhook_s: last.map(|at| now.since(at).as_secs()),
            })
        });
        try_join_all(states).await
    }

    async fn functions(&self) -> Result<Vec<FunctionState>> {
        let check =
            AliasCheck::new(self.lambda.clone(), self.cloudformation.clone(), self.target.stack.clone());
        let functions = check.functions().await?;
        join_all(functions.into_iter().map(async |function| self.function(function).await))
            .await
            .into_iter()
            .collect()
    }

    async fn function(&self, deployed: Deployed) -> Result<FunctionState> {
        let (function, version) = (deployed.name.clone(), deployed.version.clone());
        let mut canary = None;
        if version.is_some() {
            let alias = self.lambda.get_alias().function_name(&function).name(ALIAS).send().await;
            let alias = alias.with_context(|| format!("the alias `{ALIAS}` of {function}"))?;
            let weights = alias.routing_config().and_then(|routing| routing.additional_version_weights());
            let other = weights.and_then(|weights| weights.iter().next());
            canary = other.map(|(version, weight)| (version.clone(), percent(*weight)));
        }
        // While the new version takes a part of the traffic, the one before serves with other settings.
        let problems = match canary {
            Some(_) => deployed.not_ready.iter().map(|state| format!("{function} is {state}")).collect(),
            None => deployed.problems(),
        };
        Ok(FunctionState { function, version, canary, problems })
    }
}

fn part<T>(read: Result<T>) -> Part<T> {
    read.map_or_else(|error| Part::NotRead(format!("{error:#}")), Part::Read)
}

/// A weight from 0 to 1 as a percentage.
fn percent(weight: f64) -> u64 {
    let percent = (weight * 100.0).round();
    (0..=100_u32).find(|whole| f64::from(*whole) >= percent).map_or(100, u64::from)
}
