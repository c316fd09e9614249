//! Follows the log lines of all functions of a stack in `CloudWatch` Logs.

use crate::line::LogLine;
use anyhow::Result;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use std::collections::{BTreeMap, HashMap};

/// A line is stored with the time at which its invocation ended, and may appear this much later than a newer line.
const LATENESS_MS: i64 = 5_000;

/// The position in the logs.
#[derive(Debug)]
pub struct Tail {
    client: Client,
    prefix: String,
    /// The time of the oldest line to read, in milliseconds since 1970.
    since: i64,
    /// The time of the last request.
    requested_at: i64,
    /// Lines that were read and not yet returned.
    pending: Vec<LogLine>,
    /// By log group: the ids of the lines that were read, with their stored time.
    read: BTreeMap<String, HashMap<String, i64>>,
}

impl Tail {
    /// Follows the functions of a stack, from `since` (milliseconds since 1970) on.
    pub fn new(client: Client, stack: &str, since: i64) -> Self {
        Self {
            client,
            prefix: format!("/aws/lambda/{stack}-"),
            since,
            requested_at: since,
            pending: Vec::new(),
            read: BTreeMap::new(),
        }
    }

    /// Finds the log groups of the stack's functions, new ones included.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn find_functions(&mut self) -> Result<()> {
        let mut pages =
            self.client.describe_log_groups().log_group_name_prefix(&self.prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            for group in page?.log_groups.unwrap_or_default() {
                self.read.entry(group.log_group_name.unwrap_or_default()).or_default();
            }
        }
        Ok(())
    }

    /// The new lines since the last call, oldest first.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn next(&mut self, now: i64) -> Result<Vec<LogLine>> {
        let from = self.requested_at.saturating_sub(LATENESS_MS).max(self.since);
        for (group, read) in &mut self.read {
            let request = self.client.filter_log_events().log_group_name(group).start_time(from);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = match page {
                    Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
                        break;
                    }
                    page => page?,
                };
                for event in page.events.unwrap_or_default() {
                    let at = event.timestamp.unwrap_or_default();
                    let text = event.message.unwrap_or_default();
                    // The local engine returns no ids; our lines contain their time in microseconds.
                    let stream = event.log_stream_name.unwrap_or_default();
                    let id = event.event_id.unwrap_or_else(|| format!("{stream} {text}"));
                    if read.insert(id, at).is_none() {
                        let function = group.strip_prefix(&self.prefix).unwrap_or(group);
                        self.pending.push(LogLine::read(function, at, text.trim_end()));
                    }
                }
            }
            read.retain(|_, at| *at >= from);
        }
        self.requested_at = now;
        let mut lines = std::mem::take(&mut self.pending);
        // A stable sort keeps the order of lines with the same time.
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }
}
