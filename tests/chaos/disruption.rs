//! Disruptions of the system: killed processes, faults of the API, replaced credentials.

use crate::aws_faults::AwsFaults;
use anyhow::{Context as _, Result};
use end_to_end::stack::{Organisation, Stack};
use fastrand::Rng;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// The functions that process a ticket's change.
const FUNCTIONS: [&str; 6] = [
    "event-enricher",
    "follow-up-on-settlement",
    "label-on-approved",
    "create-on-approved",
    "action-worker",
    "webhook-ingest",
];
/// The number of processes that are killed in a row.
const KILLS_IN_A_ROW: usize = 6;
/// The number of tickets that are changed together: those of one request.
const MAX_AT_ONCE: usize = 25;

/// The disruptions so far.
pub(crate) struct Disruption<'a> {
    stack: &'a Stack,
    pub(crate) aws_faults: AwsFaults,
    random: Rng,
    kills: usize,
    /// By function.
    pub(crate) killed: BTreeMap<String, usize>,
    pub(crate) faults: usize,
    pub(crate) rotations: usize,
}

impl<'a> Disruption<'a> {
    pub(crate) fn new(stack: &'a Stack, aws_faults: AwsFaults, random: Rng, kills: usize) -> Self {
        Self { stack, aws_faults, random, kills, killed: BTreeMap::new(), faults: 0, rotations: 0 }
    }

    /// Disrupts the system at random after change `number` of `total`.
    pub(crate) async fn maybe(
        &mut self,
        organisations: &[Organisation<'_>],
        tickets: &[(usize, String)],
        number: usize,
        total: usize,
    ) -> Result<()> {
        let index = self.random.usize(..organisations.len());
        let organisation = &organisations[index];
        let wanted = (number + 1) * self.kills / total;
        if self.killed.values().sum::<usize>() + KILLS_IN_A_ROW <= wanted {
            match self.random.u8(..4) {
                0 => self.kill_between_effect_and_record(organisation).await?,
                1 => {
                    let own = tickets.iter().filter(|(own, _)| *own == index).take(MAX_AT_ONCE);
                    let own: Vec<&str> = own.map(|(_, ticket)| ticket.as_str()).collect();
                    self.kill_between_store_and_publication(organisation, &own).await?;
                }
                _ => self.kill_repeatedly().await?,
            }
        }
        match self.random.u8(..60) {
            0..=5 => self.fault(organisation).await?,
            6 => self.rotate(organisation).await?,
            _ => {}
        }
        Ok(())
    }

    /// Removes the faults that are left.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.aws_faults.stop().await?;
        self.stack.control(Method::PUT, "faults", &json!([])).await.map(drop)
    }

    async fn fault(&mut self, organisation: &Organisation<'_>) -> Result<()> {
        let kinds: [(&str, Value); 9] = [
            ("ticketCreate", json!("cut_before")),
            ("ticketCreate", json!("cut_after")),
            ("ticketUpdate", json!("cut_before")),
            ("ticketUpdate", json!("cut_after")),
            ("ticketUpdate", json!({ "drop": ["idLabels"] })),
            ("query Ticket(", json!({ "status": { "code": 503 } })),
            ("query Ticket(", json!({ "status": { "code": 429, "retry_after": 1 } })),
            ("query Ticket(", json!({ "partial": { "fields": 1 } })),
            ("", json!({ "slow": { "ms": 700 } })),
        ];
        let (on, is) = &kinds[self.random.usize(..kinds.len())];
        let fault = json!([{ "organisation": organisation.name, "on": on, "is": is }]);
        self.faults += 1;
        self.stack.control(Method::POST, "faults", &fault).await.map(drop)
    }

    /// Invalidates the current tokens, and stores a new one in the secret.
    async fn rotate(&mut self, organisation: &Organisation<'_>) -> Result<()> {
        self.stack
            .control(Method::POST, "expire-tokens", &json!({ "organisation": organisation.name }))
            .await?;
        self.rotations += 1;
        organisation.renew_token().await
    }

    /// Kills processes of one function repeatedly, as failing machines would.
    async fn kill_repeatedly(&mut self) -> Result<()> {
        let function = FUNCTIONS[self.random.usize(..FUNCTIONS.len())];
        for _ in 0..KILLS_IN_A_ROW {
            let running = processes_of(function)?;
            if !running.is_empty() {
                let one = self.random.usize(..running.len());
                self.kill(&running[one]);
            }
            pause(self.random.u64(5..60)).await;
        }
        Ok(())
    }

    /// Kills the action worker after the API created a ticket and before the worker gets the response.
    async fn kill_between_effect_and_record(&mut self, organisation: &Organisation<'_>) -> Result<()> {
        let created = async || Ok::<_, anyhow::Error>(organisation.mutations().await?.len());
        let before = created().await?;
        let slow = json!({ "slow": { "ms": 1_500 } });
        let faults = ["ticketCreate", "ticketUpdate"]
            .map(|on| json!({ "organisation": organisation.name, "on": on, "times": 2, "is": slow }));
        self.stack.control(Method::POST, "faults", &json!(faults)).await?;
        for _ in 0..150 {
            if created().await? > before {
                return self.kill_all("action-worker");
            }
            pause(20).await;
        }
        Ok(())
    }

    /// Changes many tickets together, and kills the enricher after it stored the first change and before it published any.
    async fn kill_between_store_and_publication(
        &mut self,
        organisation: &Organisation<'_>,
        tickets: &[&str],
    ) -> Result<()> {
        let watched = &tickets[..tickets.len().min(3)];
        let mut before = Vec::new();
        for ticket in watched {
            before.push(organisation.journal(ticket).await?.len());
        }
        for ticket in tickets {
            let stage = if self.random.bool() { "Settled" } else { "Approved" };
            organisation.change(ticket, json!({ "stage": stage, "labels": [] })).await?;
        }
        for _ in 0..300 {
            for (ticket, before) in watched.iter().zip(&before) {
                if organisation.journal(ticket).await?.len() > *before {
                    return self.kill_all("event-enricher");
                }
            }
        }
        Ok(())
    }

    fn kill_all(&mut self, function: &str) -> Result<()> {
        for process in processes_of(function)? {
            self.kill(&process);
        }
        Ok(())
    }

    fn kill(&mut self, (pid, function): &(Pid, String)) {
        if kill_process(*pid, Signal::KILL).is_ok() {
            *self.killed.entry(function.clone()).or_default() += 1;
        }
    }
}

pub(crate) async fn pause(millis: u64) {
    #[expect(clippy::disallowed_methods, reason = "a random pause between disruptions and changes")]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// The processes of one function.
fn processes_of(function: &str) -> Result<Vec<(Pid, String)>> {
    Ok(processes()?.into_iter().filter(|(_, name)| name.ends_with(function)).collect())
}

/// The functions' processes: children of the engine that was started for this run.
fn processes() -> Result<Vec<(Pid, String)>> {
    let engine = variable("MINISTACK_PID")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc is required to find the processes to kill")? {
        let folder = entry?.path();
        let Some(pid) = folder.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
        // After the name in brackets: the state, then the parent's id (proc(5)).
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent != Some(engine.as_str()) {
            continue;
        }
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let name =
            variables.find_map(|text| text.strip_prefix("AWS_LAMBDA_FUNCTION_NAME=").map(str::to_owned));
        if let (Some(name), Some(pid)) = (name, Pid::from_raw(pid)) {
            found.push((pid, name));
        }
    }
    found.sort_by_key(|(pid, _)| pid.as_raw_nonzero());
    Ok(found)
}

fn variable(name: &str) -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "set by xtask for its own children, which are not functions"
    )]
    std::env::var(name).with_context(|| format!("{name} is not set; run `cargo xtask chaos`"))
}
