//! What is done to the system: processes killed, the API broken, credentials replaced.

use anyhow::{Context as _, Result};
use end_to_end::stack::{Organisation, Stack};
use fastrand::Rng;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What a ticket's change goes through, after the door.
const FUNCTIONS: [&str; 4] = ["event-enricher", "follow-up-on-settlement", "action-worker", "webhook-ingest"];
/// So many processes are killed in a row.
const STORM: usize = 6;
/// So many tickets are changed at once: one request's worth.
const MAX_AT_ONCE: usize = 25;

/// The harm that was done.
pub(crate) struct Harm<'a> {
    stack: &'a Stack,
    random: Rng,
    kills: usize,
    /// By function.
    pub(crate) killed: BTreeMap<String, usize>,
    pub(crate) faults: usize,
    pub(crate) rotations: usize,
}

impl<'a> Harm<'a> {
    pub(crate) fn new(stack: &'a Stack, random: Rng, kills: usize) -> Self {
        Self { stack, random, kills, killed: BTreeMap::new(), faults: 0, rotations: 0 }
    }

    /// Does its share of harm after change `number` of `of`.
    pub(crate) async fn perhaps(
        &mut self,
        offices: &[Organisation<'_>],
        tickets: &[(usize, String)],
        number: usize,
        of: usize,
    ) -> Result<()> {
        let place = self.random.usize(..offices.len());
        let office = &offices[place];
        let wanted = (number + 1) * self.kills / of;
        if self.killed.values().sum::<usize>() + STORM <= wanted {
            match self.random.u8(..4) {
                0 => self.kill_between_effect_and_record(office).await?,
                1 => {
                    let own = tickets.iter().filter(|(own, _)| *own == place).take(MAX_AT_ONCE);
                    let own: Vec<&str> = own.map(|(_, ticket)| ticket.as_str()).collect();
                    self.kill_between_store_and_publication(office, &own).await?;
                }
                _ => self.storm().await?,
            }
        }
        match self.random.u8(..60) {
            0..=5 => self.fault(office).await?,
            6 => self.rotate(office).await?,
            _ => {}
        }
        Ok(())
    }

    /// No more harm: faults that nobody met are taken back, and every credential works.
    pub(crate) async fn end(&self) -> Result<()> {
        self.stack.control(Method::PUT, "faults", &json!([])).await.map(drop)
    }

    async fn fault(&mut self, office: &Organisation<'_>) -> Result<()> {
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
        let fault = json!([{ "organisation": office.name, "on": on, "is": is }]);
        self.faults += 1;
        self.stack.control(Method::POST, "faults", &fault).await.map(drop)
    }

    /// The tokens that are in use die, and the secret holds a new one.
    async fn rotate(&mut self, office: &Organisation<'_>) -> Result<()> {
        self.stack.control(Method::POST, "expire-tokens", &json!({ "organisation": office.name })).await?;
        self.rotations += 1;
        office.renew_token().await
    }

    /// Kills one function's processes again and again, at whatever line each is, as lost machines would.
    async fn storm(&mut self) -> Result<()> {
        let function = FUNCTIONS[self.random.usize(..FUNCTIONS.len())];
        for _ in 0..STORM {
            let running = running_as(function)?;
            if !running.is_empty() {
                let one = self.random.usize(..running.len());
                self.kill(&running[one]);
            }
            moment(self.random.u64(5..60)).await;
        }
        Ok(())
    }

    /// Kills the action worker after a ticket was created and before it can know: the worst moment there is.
    async fn kill_between_effect_and_record(&mut self, office: &Organisation<'_>) -> Result<()> {
        let created = async || Ok::<_, anyhow::Error>(office.mutations().await?.len());
        let before = created().await?;
        let slow = json!({ "slow": { "ms": 1_500 } });
        let faults = ["ticketCreate", "ticketUpdate"]
            .map(|on| json!({ "organisation": office.name, "on": on, "times": 2, "is": slow }));
        self.stack.control(Method::POST, "faults", &json!(faults)).await?;
        for _ in 0..150 {
            if created().await? > before {
                return self.kill_all("action-worker");
            }
            moment(20).await;
        }
        Ok(())
    }

    /// Changes many tickets at once, and kills the enricher when it has stored the first of the changes and published none.
    async fn kill_between_store_and_publication(
        &mut self,
        office: &Organisation<'_>,
        tickets: &[&str],
    ) -> Result<()> {
        let looked_at = &tickets[..tickets.len().min(3)];
        let mut before = Vec::new();
        for ticket in looked_at {
            before.push(office.journal(ticket).await?.len());
        }
        for ticket in tickets {
            let stage = if self.random.bool() { "Settled" } else { "Approved" };
            office.change(ticket, json!({ "stage": stage, "labels": [] })).await?;
        }
        for _ in 0..300 {
            for (ticket, before) in looked_at.iter().zip(&before) {
                if office.journal(ticket).await?.len() > *before {
                    return self.kill_all("event-enricher");
                }
            }
        }
        Ok(())
    }

    fn kill_all(&mut self, function: &str) -> Result<()> {
        for process in running_as(function)? {
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

async fn moment(millis: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "harm comes at any moment, so between two of it some time passes"
    )]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// One function's processes.
fn running_as(function: &str) -> Result<Vec<(Pid, String)>> {
    Ok(running()?.into_iter().filter(|(_, name)| name.ends_with(function)).collect())
}

/// The functions' processes: children of the engine that was started for this run.
fn running() -> Result<Vec<(Pid, String)>> {
    let engine = variable("MINISTACK_PID")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("killing needs /proc")? {
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
    std::env::var(name).with_context(|| format!("{name} is not set; run this by `cargo xtask chaos`"))
}
