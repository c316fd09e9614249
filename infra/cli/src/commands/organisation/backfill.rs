//! Going live: every existing ticket becomes a snapshot, without an event, so that the first webhook of an old ticket reports
//! what changed since and not that the ticket exists.

use super::Organisations;
use anyhow::{Context as _, Result, bail};
use automations::aws::secret::Secrets;
use automations::clock;
use automations::failure::chain;
use automations::id::{OrganisationId, TicketId};
use automations::model::diff::change;
use automations::model::snapshot::Snapshot;
use automations::model::ticket_fields::TicketFields;
use automations::salestrekker::{Client, Limits};
use automations::store::{Error as StoreError, Version};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Tickets that are fetched before they are stored and progress is reported.
const GROUP: usize = 100;
/// For a group, which takes four requests.
const LONGEST: Duration = Duration::from_mins(5);
/// The names of the column with a ticket's id, in any case and with any separator.
const ID_COLUMNS: [&str; 6] = ["id", "ticketid", "idticket", "dealid", "iddeal", "uuid"];

/// Numbers of tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// All of them.
    pub tickets: usize,
    /// Stored now.
    pub stored: usize,
    /// Known before; nothing was changed.
    pub known: usize,
    /// Salestrekker shows no such ticket to this credential.
    pub absent: usize,
    /// Could not be fetched; run the command again.
    pub failed: usize,
}

impl Organisations {
    /// Stores a snapshot of each ticket that has none, and reports progress after each hundred.
    ///
    /// # Errors
    /// If a request fails; what was stored by then stays, and the next run continues after it.
    pub async fn backfill(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
        limits: Limits,
        mut report: impl FnMut(Progress) -> Result<()>,
    ) -> Result<Progress> {
        let client = Client::new(Secrets::new(self.secrets.clone(), self.stack.clone()), limits)?;
        let mut progress = Progress { tickets: tickets.len(), ..Progress::default() };
        for group in tickets.chunks(GROUP) {
            // Before the fetch, as everywhere: what is written afterwards is newer.
            let known = self.store.known(organisation, group).await?;
            let new: Vec<TicketId> = group.iter().filter(|id| !known.contains_key(*id)).cloned().collect();
            count(&mut progress.known, known.len());
            let session = client.session(organisation, clock::now().later(LONGEST));
            // Fields of `TicketFields` are stored at the first check, without an event.
            let fetched = session.fetch(&new, &TicketFields::default()).await;
            let fetched = fetched
                .map_err(|error| anyhow::anyhow!("the tickets cannot be fetched: {}", chain(&error)))?;
            for seen in fetched {
                let counter = match seen {
                    Err(_) => &mut progress.failed,
                    Ok(seen) => match change(None, seen, false) {
                        None => &mut progress.absent,
                        Some(found) => {
                            let now = clock::now();
                            let snapshot = Snapshot { stage_since: Some(now), ..found.snapshot };
                            let version = Version {
                                snapshot: &snapshot,
                                events: &[],
                                outbox: &[],
                                reminders: &[],
                                extra_check: None,
                            };
                            match self.store.write(organisation, version, now).await {
                                Ok(()) => &mut progress.stored,
                                // A webhook was faster.
                                Err(StoreError::VersionConflict) => &mut progress.known,
                                Err(error) => bail!("a snapshot cannot be stored: {}", chain(&error)),
                            }
                        }
                    },
                };
                count(counter, 1);
            }
            report(progress)?;
        }
        Ok(progress)
    }
}

fn count(counter: &mut usize, more: usize) {
    *counter = counter.saturating_add(more);
}

/// The tickets that a file names, each once, in order: ids, one a line, or a CSV with a column of ids.
///
/// # Errors
/// If it is neither, with the line; the text is not quoted, as it may be personal data.
pub fn ticket_ids(text: &str) -> Result<Vec<TicketId>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let (mut ids, mut seen) = (Vec::new(), BTreeSet::new());
    let mut column = 0;
    for (place, row) in reader.records().enumerate() {
        let row = row.context("the file is not a CSV; export it again")?;
        if place == 0 {
            if let Some(found) = row.iter().position(is_id_column) {
                column = found;
                continue;
            }
            if row.len() > 1 {
                bail!("no column of the CSV is called Id, Ticket Id or Deal Id; rename the one with the ids");
            }
        }
        let line = row.position().map_or(0, csv::Position::line);
        let id = row.get(column).unwrap_or_default();
        let id = TicketId::parse(id).with_context(|| format!("line {line}"))?;
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    if ids.is_empty() {
        bail!("the file names no ticket");
    }
    Ok(ids)
}

fn is_id_column(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ID_COLUMNS.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        ticket_ids(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ids_stand_one_a_line_or_in_a_column() {
        assert_eq!(ids("t-1\r\n\nt-2\nt-1\n"), ["t-1", "t-2"]);
        assert_eq!(ids("\u{feff}Name,Deal ID\n\"Citizen, Jane\",t-1\n\"a\nb\",t-2\n"), ["t-1", "t-2"]);
        assert_eq!(ids("id\nt-1"), ["t-1"]);
    }

    #[test]
    fn what_is_no_id_is_told_by_its_line_and_not_quoted() {
        for text in
            ["", "id\n", "Name,Stage\nJane,Lead\n", "id,Name\n\"Jane Citizen\",x\n", "id,Name\n,Jane\n"]
        {
            let error = format!("{:#}", ticket_ids(text).unwrap_err());
            assert!(!error.contains("Jane"), "{error}");
        }
        assert!(format!("{:#}", ticket_ids("Id\nt-1\nJane Citizen\n").unwrap_err()).contains("line 3"));
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_ids_or_a_clear_error(text in ".*") {
            let _ = ticket_ids(&text);
        }
    }
}
