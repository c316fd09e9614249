//! Every function's log lines as they come, from `CloudWatch` Logs.

use crate::line::LogLine;
use anyhow::Result;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use std::collections::{BTreeMap, HashMap};

/// A line is kept under the time at which its invocation ended, and may come so much later than a younger one.
const LATENESS_MS: i64 = 5_000;

/// Where reading has come to.
#[derive(Debug)]
pub struct Tail {
    client: Client,
    prefix: String,
    /// Lines from this time on.
    since: i64,
    /// When lines were asked for last.
    asked: i64,
    /// Lines that were read and not yet handed out.
    unsaid: Vec<LogLine>,
    /// By log group: the lines that were read, by id, with the time that they are kept under.
    read: BTreeMap<String, HashMap<String, i64>>,
}

impl Tail {
    /// The functions of a stack, from this time on.
    pub fn new(client: Client, stack: &str, since: i64) -> Self {
        Self {
            client,
            prefix: format!("/aws/lambda/{stack}-"),
            since,
            asked: since,
            unsaid: Vec::new(),
            read: BTreeMap::new(),
        }
    }

    /// Looks which functions there are.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn look_for_functions(&mut self) -> Result<()> {
        let mut pages =
            self.client.describe_log_groups().log_group_name_prefix(&self.prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            for group in page?.log_groups.unwrap_or_default() {
                self.read.entry(group.log_group_name.unwrap_or_default()).or_default();
            }
        }
        Ok(())
    }

    /// The lines that came since this was asked last, oldest first.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn next(&mut self, now: i64) -> Result<Vec<LogLine>> {
        let from = self.asked.saturating_sub(LATENESS_MS).max(self.since);
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
                    // The local engine gives no ids; a line of ours holds the microsecond that it was said in.
                    let stream = event.log_stream_name.unwrap_or_default();
                    let id = event.event_id.unwrap_or_else(|| format!("{stream} {text}"));
                    if read.insert(id, at).is_none() {
                        let function = group.strip_prefix(&self.prefix).unwrap_or(group);
                        self.unsaid.push(LogLine::read(function, at, text.trim_end()));
                    }
                }
            }
            read.retain(|_, at| *at >= from);
        }
        self.asked = now;
        let mut lines = std::mem::take(&mut self.unsaid);
        // Stable: what one invocation said in one moment stays in its order.
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }
}
