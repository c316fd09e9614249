//! The verdict as a table.

use crate::verdict::Verdict;
use std::fmt;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, kind: &str, number: &dyn fmt::Display| {
            writeln!(f, "  {kind:<58} {number:>8}")
        };
        writeln!(f)?;
        line(f, "webhooks due", &self.webhooks)?;
        line(f, "  of them lost", &self.webhooks_lost)?;
        for (function, count) in &self.killed {
            line(f, &format!("{function} killed"), count)?;
        }
        line(f, "faults of the API", &self.faults)?;
        line(f, "credentials replaced", &self.rotations)?;
        line(f, "calls of AWS", &self.aws_calls)?;
        for (fault, count) in &self.aws_faults {
            line(f, &format!("  {fault}"), count)?;
        }
        line(f, "events in the journal", &self.events)?;
        line(f, "actions expected", &self.expected)?;
        line(f, "actions performed", &self.performed)?;
        for (outcome, count) in &self.outcomes {
            line(f, &format!("  {outcome}"), count)?;
        }
        line(f, "reminders set", &self.reminders_set)?;
        line(f, "events of reminders", &self.reminders_due)?;
        for (reason, count) in &self.dead_letters {
            line(f, &format!("dead letters in {reason}"), count)?;
        }
        for (kind, found) in self.findings() {
            line(f, kind, &found.len())?;
            for found in found.iter().take(5) {
                writeln!(f, "      {found}")?;
            }
        }
        Ok(())
    }
}
