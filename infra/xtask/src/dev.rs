//! `cargo xtask dev`: the local stack, to which every saved file is deployed within seconds.

use crate::changes::{Watched, Work};
use crate::clock::Clock;
use crate::entries::{build_and_check, check_entries};
use crate::ports::Ports;
use crate::project::{binary, command, functions, local, root};
use crate::sam::build;
use crate::stack::{CONSOLE, Running, found_by, is_ending};
use crate::steps::{log_path, run_build, say, share_terminal, shown, step, until};
use crate::template::{Template, changed_settings, defaults, functions_of};
use crate::turn;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, SystemTime};

/// As in `chaos`: messages of an invocation that was ended are received again soon.
const PARAMETERS: &str = "WorkTimeout=6";

/// Which lines are shown.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this function's lines; may be repeated
    #[arg(long, value_name = "FUNCTION")]
    only: Vec<String>,
    /// The lowest level shown
    #[arg(long, value_enum, default_value_t = Level::Info)]
    level: Level,
    /// Only lines that contain this text
    #[arg(long)]
    text: Option<String>,
    /// Print each log line as one JSON object, without colours
    #[arg(long)]
    json: bool,
    /// Let reminders and stage ages pass faster: 1h/s is an hour in a second; also 30m/s, 7d/s
    #[arg(long, value_name = "TIME/s")]
    clock: Option<Clock>,
    #[command(flatten)]
    ports: Ports,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// The stack and what is in it.
struct Dev {
    running: Running,
    logs: Child,
    watched: Watched,
    /// By function: when the program that now serves was built.
    serving: BTreeMap<String, SystemTime>,
    /// By function: the program that now serves, which is not the one that SAM deployed.
    programs: BTreeMap<String, PathBuf>,
    /// Changes that are not served yet, as they did not build or did not deploy.
    owed: Work,
    /// The number of programs that were swapped in.
    count: usize,
    /// The parameters of the first deployment, and the template's defaults then.
    parameters: String,
    defaults: BTreeMap<String, String>,
    /// template.yaml as it serves.
    template: String,
    /// Handlers whose settings were put in directly.
    settings: BTreeSet<String>,
    /// The engine's log, the only output of a function that cannot start.
    engine_log: EngineLog,
}

/// The part of the engine's log that was not read yet.
struct EngineLog {
    path: PathBuf,
    read: u64,
    last: String,
}

/// Starts the stack, then follows what is saved until it is interrupted.
pub(crate) fn run(options: &Options) -> Result<()> {
    let names = functions()?;
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(name)) {
        bail!("there is no function `{unknown}`; there are {}", names.join(", "));
    }
    let level = options.level.to_possible_value().map(|level| level.get_name().to_owned());
    let level = level.unwrap_or_default();
    let log_level = if options.level == Level::Debug { " LogLevel=DEBUG" } else { "" };
    // Files saved while the stack starts are taken up after that.
    let watched = Watched::new();
    let (defaults, template) = (defaults()?, template_text()?);
    let parameters = format!("{PARAMETERS}{log_level}");
    let running = Running::start_with_clock(
        "dev",
        Template::Project,
        options.ports,
        (&parameters, options.clock.as_ref()),
    )?;
    build_tool()?;
    let _ = fs::remove_dir_all(programs_folder());
    fs::create_dir_all(programs_folder())?;
    let mut logs = command(binary("dev"));
    found_by(&mut logs, &running.place());
    logs.args(["logs", "--level", &level]);
    logs.args(options.only.iter().flat_map(|name| ["--only", name]));
    logs.args(options.text.iter().flat_map(|text| ["--text", text]));
    logs.args(options.json.then_some("--json"));
    share_terminal();
    for (name, value) in running.place().as_object().into_iter().flatten() {
        say(&format!("  {name:<24} {}", value.as_str().unwrap_or_default()));
    }
    say("\n  save a file of functions/ or shared/ and it serves seconds later; Ctrl-C stops everything");
    say(&format!("{CONSOLE}\n"));
    let logs = running.alongside("logs", &mut logs)?;
    let (serving, programs, owed) = (BTreeMap::new(), BTreeMap::new(), Work::default());
    let engine_log = EngineLog { path: log_path("dev-ministack.log")?, read: 0, last: String::new() };
    Dev {
        running,
        logs,
        watched,
        serving,
        programs,
        owed,
        count: 0,
        parameters,
        defaults,
        template,
        settings: BTreeSet::new(),
        engine_log,
    }
    .follow()
}

impl Dev {
    fn follow(mut self) -> Result<()> {
        loop {
            let seen = until(Duration::MAX, || {
                if let Some(error) = self.running.died() {
                    return Some(Err(error));
                }
                if !matches!(self.logs.try_wait(), Ok(None)) {
                    return Some(Err(anyhow::anyhow!(
                        "the program that shows the logs ended; run the command again"
                    )));
                }
                if let Some(failure) = self.engine_log.init_failure() {
                    say(&format!("  ✗ a function cannot start: {failure}"));
                }
                self.watched.saved().map(Ok)
            });
            let saved = seen.context("no change was seen")??;
            // What failed before is still owed, and a deployment takes the settings along.
            let settings = if self.owed == Work::default() { self.changed_settings(&saved)? } else { None };
            let done = if let Some((names, template)) = settings {
                self.take_up_settings(&names, template)
            } else {
                let new = Work::about(&saved);
                self.owed.deploy |= new.deploy;
                self.owed.all |= new.all;
                self.owed.functions.extend(new.functions);
                self.take_up(&saved)
            };
            match done {
                Err(_) if is_ending() => {}
                Err(error) => {
                    say(&format!(
                        "  ✗ {error:#}\n    the deployed version keeps serving; fix the error and save again"
                    ));
                }
                Ok(false) => self.owed = Work::default(),
                Ok(true) => {
                    self.owed = Work::default();
                    let took = self.watched.since(&saved).as_secs_f64();
                    say(&format!("  ✓ it serves, {took:.1} s after it was saved"));
                }
            }
        }
    }

    /// The handlers whose settings changed, and the template with them, if nothing else did.
    fn changed_settings(&self, saved: &BTreeSet<PathBuf>) -> Result<Option<(Vec<String>, String)>> {
        if saved.iter().any(|path| path.to_str() != Some("template.yaml")) {
            return Ok(None);
        }
        let template = template_text()?;
        Ok(changed_settings(&self.template, &template).map(|names| (names, template)))
    }

    /// Puts new settings in; whether there were any.
    fn take_up_settings(&mut self, names: &[String], template: String) -> Result<bool> {
        if names.is_empty() {
            return Ok(false);
        }
        say(&format!("  ↻ template.yaml: new settings of {}", names.join(", ")));
        {
            let _turn = turn::take()?;
            build_and_check()?;
        }
        for name in names {
            self.put_settings(name)?;
            self.settings.insert(name.clone());
        }
        self.template = template;
        Ok(true)
    }

    fn put_settings(&mut self, name: &str) -> Result<()> {
        let mut settings = command(binary("dev"));
        found_by(&mut settings, &self.running.place());
        settings.args(["settings", "--root"]).arg(root()).arg(name);
        if !self.running.to_its_end("settings", &mut settings)? {
            bail!("{name} keeps its old settings");
        }
        Ok(())
    }

    /// Builds and deploys the pending changes; whether there was anything to do.
    fn take_up(&mut self, saved: &BTreeSet<PathBuf>) -> Result<bool> {
        let what = saved.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let what = what.get(..4).map_or_else(|| what.join(", "), |few| format!("{}, …", few.join(", ")));
        if self.owed.deploy {
            say(&format!("  ↻ {what}: building all, and deploying again"));
            self.deploy()?;
        } else {
            let names = self.names()?;
            if names.is_empty() {
                return Ok(false);
            }
            say(&format!(
                "  ↻ {what}: building {}",
                if self.owed.all { "all functions".to_owned() } else { names.join(", ") }
            ));
            self.build_and_swap(&names)?;
        }
        Ok(true)
    }

    fn deploy(&mut self) -> Result<()> {
        let template = template_text()?;
        {
            let _turn = turn::take()?;
            build(Template::Project)?;
            build_tool()?;
            self.running.deploy_with(&self.parameters()?)?;
        }
        self.template = template;
        self.serving.clear();
        // If a saved file was reverted, SAM sees no change; but what was put in directly is not what SAM deployed.
        let deployed = deployed()?;
        let is_there = |name: &&String| self.template.contains(&format!("      Name: {name}\n"));
        let put: Vec<String> = self.settings.iter().filter(is_there).cloned().collect();
        for name in &put {
            self.put_settings(name)?;
        }
        let swapped: Vec<String> =
            self.programs.keys().filter(|name| deployed.contains(name)).cloned().collect();
        self.build_and_swap(&swapped)
    }

    /// The parameters of the first deployment, and those whose default was changed since: CloudFormation keeps the former
    /// value of a parameter that is not named.
    fn parameters(&self) -> Result<String> {
        let changed = defaults()?;
        let changed = changed.iter().filter(|(name, value)| self.defaults.get(*name) != Some(value));
        let changed: Vec<String> = changed.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        if !changed.is_empty() {
            say(&format!("  ↻ new defaults of parameters: {}", changed.join(" ")));
        }
        Ok(format!("{} {}", self.parameters, changed.join(" ")).trim_end().to_owned())
    }

    /// The functions with pending changes; reports those that are not deployed.
    fn names(&self) -> Result<Vec<String>> {
        let deployed = deployed()?;
        let is_there = |name: &&String| root().join("functions").join(name).exists();
        for name in self.owed.functions.iter().filter(is_there).filter(|name| !deployed.contains(name)) {
            say(&format!(
                "  functions/{name} is not in template.yaml, so it is not deployed; `cargo automations new-handler` writes both"
            ));
        }
        let is_owed = |name: &String| self.owed.all || self.owed.functions.contains(name);
        Ok(deployed.into_iter().filter(is_owed).collect())
    }

    fn build_and_swap(&mut self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let _turn = turn::take()?;
        let mut cargo = command("cargo");
        cargo.args(["build", "--quiet", "--locked", "--bins", "--package", "dev"]);
        cargo.args(names.iter().flat_map(|name| ["--package", name]));
        // Printed on the terminal, not into a log.
        cargo.env("CARGO_TERM_COLOR", if std::io::stderr().is_terminal() { "always" } else { "never" });
        if !self.running.to_its_end("cargo", &mut cargo)? {
            bail!("it does not build; the errors are above");
        }
        check_entries(names)?;
        for name in names {
            let is_new = self.serving.get(name) != Some(&built_at(name)?);
            if is_new {
                self.swap(name)?;
            }
        }
        Ok(())
    }

    /// Replaces the program that serves a function.
    fn swap(&mut self, name: &str) -> Result<()> {
        self.count = self.count.saturating_add(1);
        let program = programs_folder().join(format!("{name}-{}", self.count));
        // A copy, so that a later build that fails cannot remove it.
        fs::hard_link(binary(name), &program).or_else(|_| fs::copy(binary(name), &program).map(drop))?;
        for function in functions_of(name)? {
            let mut swap = command(binary("dev"));
            found_by(&mut swap, &self.running.place());
            if !self.running.to_its_end("swap", swap.args(["swap", &function]).arg(&program))? {
                bail!("{function} keeps its old code");
            }
        }
        if let Some(old) = self.programs.insert(name.to_owned(), program) {
            fs::remove_file(old)?;
        }
        self.serving.insert(name.to_owned(), built_at(name)?);
        Ok(())
    }
}

impl EngineLog {
    /// Why a function cannot start, if the engine logged that since the last call; the same reason once in a row.
    fn init_failure(&mut self) -> Option<String> {
        let mut file = fs::File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let mut text = String::new();
        let length = file.read_to_string(&mut text).ok()?;
        self.read = self.read.saturating_add(u64::try_from(length).unwrap_or_default());
        let line = text.lines().rfind(|line| line.contains("exited during init"))?;
        let failure = line.split_once("exited during init").map_or(line, |(_, rest)| rest);
        let failure = failure.trim_start_matches(|c: char| !c.is_alphabetic()).to_owned();
        (failure != self.last).then(|| {
            self.last.clone_from(&failure);
            failure
        })
    }
}

fn template_text() -> Result<String> {
    fs::read_to_string(root().join("template.yaml")).context("template.yaml cannot be read")
}

/// The functions that template.yaml names.
fn deployed() -> Result<Vec<String>> {
    let template =
        fs::read_to_string(root().join("template.yaml")).context("template.yaml cannot be read")?;
    let is_named = |name: &String| template.contains(&format!(": functions/{name}\n"));
    Ok(functions()?.into_iter().filter(is_named).collect())
}

/// The folder of the programs that were swapped in.
fn programs_folder() -> PathBuf {
    local().join("dev")
}

/// Builds the log viewer, which SAM's build moved away; together with the stand-in, so that both share one build of the SDK.
pub(crate) fn build_tool() -> Result<()> {
    step("building the log viewer", || {
        let mut cargo = command("cargo");
        cargo.args(["build", "--locked", "--bins", "--package", "end-to-end", "--package", "dev"]);
        run_build(&mut cargo, "dev-build.log")
    })
}

fn built_at(name: &str) -> Result<SystemTime> {
    let program = binary(name);
    let about = fs::metadata(&program).with_context(|| format!("{} is not built", shown(&program)))?;
    Ok(about.modified()?)
}
