//! The local stack: MiniStack, Salestrekker's stand-in, and the real template deployed on them.

use crate::clock::Clock;
use crate::engine;
use crate::ports::{self, Ports};
use crate::process::{Started, died};
use crate::project::{binary, command, local, root};
use crate::sam::{build, deploy};
use crate::steps::{log_path, say, step, until};
use crate::template::Template;
use crate::tools;
use crate::turn;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How to look at the stack. The command prints the address, as its secret works once.
pub(crate) const CONSOLE: &str = "  `cargo automations console` shows it in a browser";

/// A stack that was started: its processes, and where it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stack {
    /// The process that owns it, if it ends with its command; none for `up`.
    owner: Option<Started>,
    started: Vec<Started>,
    /// What `up --json` prints.
    pub(crate) place: Value,
}

/// `cargo xtask up`.
pub(crate) fn up(json: bool, env: bool, ports: Ports) -> Result<()> {
    let stack = match Stack::running() {
        Some((name, stack)) => {
            say(&format!("  the stack of `{name}` is up"));
            stack
        }
        None => Running::start("up", Template::Project, ports, "")?.leave()?,
    };
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", stack.place)?;
    } else if env {
        for (name, value) in stack.place.as_object().into_iter().flatten() {
            writeln!(out, "export {name}='{}'", value.as_str().unwrap_or_default())?;
        }
    } else {
        for (name, value) in stack.place.as_object().into_iter().flatten() {
            writeln!(out, "{name:<24} {}", value.as_str().unwrap_or_default())?;
        }
        say("\n  POST a webhook to webhook_url; `cargo xtask down` stops all of it");
        say(CONSOLE);
    }
    Ok(())
}

/// `cargo xtask down`.
pub(crate) fn down() -> Result<()> {
    let mut found = false;
    for name in Stack::recorded()? {
        let Some(stack) = Stack::load(&name) else { continue };
        // A demonstration or a test that is running ends its own stack.
        if stack.owner.as_ref().is_some_and(Started::runs) {
            continue;
        }
        found |= stack.started.iter().any(Started::runs);
        step(&format!("stopping the stack of `{name}`"), || stack.stop(&name))?;
    }
    if !found {
        say("  nothing is up");
    }
    Ok(())
}

/// Where the stack is that `up` or `dev` started, if one runs.
pub(crate) fn running() -> Option<Value> {
    Some(Stack::running()?.1.place)
}

impl Stack {
    /// The stack that `up` or `dev` started, if one runs, with the command's name.
    fn running() -> Option<(&'static str, Self)> {
        ["up", "dev"].into_iter().find_map(|name| Some((name, Self::load(name).filter(Self::runs)?)))
    }

    fn file(name: &str) -> PathBuf {
        local().join("stacks").join(format!("{name}.json"))
    }

    fn load(name: &str) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(Self::file(name)).ok()?).ok()
    }

    fn recorded() -> Result<Vec<String>> {
        let Ok(folder) = fs::read_dir(local().join("stacks")) else { return Ok(Vec::new()) };
        let files = folder.collect::<Result<Vec<_>, _>>()?;
        let names =
            files.iter().filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()));
        Ok(names.collect())
    }

    fn save(&self, name: &str) -> Result<()> {
        let file = Self::file(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(file, serde_json::to_string_pretty(self)?)?)
    }

    fn runs(&self) -> bool {
        !self.started.is_empty() && self.started.iter().all(Started::runs) && !self.place.is_null()
    }

    fn stop(&self, name: &str) -> Result<()> {
        for started in self.started.iter().rev() {
            started.stop();
        }
        match fs::remove_file(Self::file(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// The stack that a signal stops: a process runs one at a time.
static LATEST: Mutex<Option<Owned>> = Mutex::new(None);

/// Whether a signal is stopping it: then the process ends when that is done, and not before.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Whether a signal ends this process right now.
pub(crate) fn is_ending() -> bool {
    IS_ENDING.load(Ordering::SeqCst)
}

type Owned = (&'static str, Arc<Mutex<Option<Stack>>>);

/// A stack that is stopped when this is dropped, however the command ends.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    aws_port: u16,
    /// The port of the fault proxy, if there is one.
    faults_port: Option<u16>,
    template: Template,
    parameters: String,
    stack: Arc<Mutex<Option<Stack>>>,
    /// Kept so that the end of a child process is noticed.
    children: Vec<(&'static str, Child, PathBuf)>,
}

impl Running {
    /// Installs, builds, starts, deploys with these parameters of the template, seeds.
    pub(crate) fn start(
        name: &'static str,
        template: Template,
        ports: Ports,
        parameters: &str,
    ) -> Result<Self> {
        Self::start_with_clock(name, template, ports, (parameters, None))
    }

    /// The same, with functions for which waits pass faster.
    pub(crate) fn start_with_clock(
        name: &'static str,
        template: Template,
        ports: Ports,
        (parameters, clock): (&str, Option<&Clock>),
    ) -> Result<Self> {
        let _turn = turn::take()?;
        if let Some(old) = Stack::load(name) {
            if let Some(owner) = old.owner.as_ref().filter(|owner| owner.runs() && **owner != Started::this())
            {
                let id = owner.id();
                bail!(
                    "`cargo xtask {name}` runs here already (process {id}); wait for its end, or end it with `kill {id}`"
                );
            }
            old.stop(name)?;
        }
        // A port in use is reported before the minutes that a build may take; a free one is chosen after them.
        ports.choose()?;
        tools::install()?;
        build(template)?;
        let (aws, salestrekker) = ports.choose()?;
        let faults_port = (template == Template::Chaos).then(ports::free).transpose()?;
        let owner = (name != "up").then(Started::this);
        let stack = Stack { owner, ..Stack::default() };
        let mut running = Self {
            name,
            aws_port: aws,
            faults_port,
            template,
            parameters: parameters.to_owned(),
            stack: Arc::new(Mutex::new(Some(stack))),
            children: Vec::new(),
        };
        running.stop_on_signal()?;
        step("starting MiniStack and Salestrekker's stand-in", || {
            let log_level = if parameters.contains("LogLevel=DEBUG") { "DEBUG" } else { "INFO" };
            let for_functions = faults_port.unwrap_or(aws);
            let mut ministack = engine::ministack(name, aws, for_functions, log_level)?;
            if let Some(clock) = clock {
                clock.of_functions(&mut ministack);
            }
            running.add("ministack", &mut ministack, aws)?;
            if let Some(port) = faults_port {
                let mut proxy = command(binary("fault-proxy"));
                proxy.args(["--port", &port.to_string(), "--engine", &aws.to_string()]);
                running.add("fault-proxy", &mut proxy, port)?;
            }
            running.add(
                "stand-in",
                command(binary("stand-in")).args(["--empty", "--port", &salestrekker.to_string()]),
                salestrekker,
            )
        })?;
        running.deploy()?;
        let place = step("seeding one organisation", || seed(name, aws, salestrekker))?;
        running.change(|stack| stack.place = place);
        running.save()?;
        Ok(running)
    }

    /// Deploys what was built last.
    pub(crate) fn deploy(&self) -> Result<()> {
        self.deploy_with(&self.parameters)
    }

    /// Deploys what was built last, with these parameters of the template instead.
    pub(crate) fn deploy_with(&self, parameters: &str) -> Result<()> {
        let Self { name, aws_port, template, .. } = self;
        step("deploying template.yaml with sam deploy", || {
            deploy(name, *template, *aws_port, parameters)?;
            engine::fit(name, *aws_port)
        })
    }

    /// Starts a command that shares this one's output and ends with the stack.
    pub(crate) fn alongside(&self, name: &str, command: &mut std::process::Command) -> Result<Child> {
        let (started, child) = Started::beside(name, command, "run the command again")?;
        match self.stack.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(stack) => stack.started.push(started),
            // A signal came in between.
            None => started.stop(),
        }
        self.save()?;
        Ok(child)
    }

    /// Runs such a command to its end; whether it succeeded.
    pub(crate) fn to_its_end(&self, name: &str, command: &mut std::process::Command) -> Result<bool> {
        let status = self.alongside(name, command)?.wait()?;
        self.change(|stack| stack.started.retain(Started::runs));
        self.save()?;
        Ok(status.success())
    }

    /// Why the stack is gone, if one of its processes ended.
    pub(crate) fn died(&mut self) -> Option<anyhow::Error> {
        let mut children = self.children.iter_mut();
        children.find_map(|(name, child, log)| {
            let runs = matches!(child.try_wait(), Ok(None));
            (!runs).then(|| died(name, log))
        })
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Value {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        stack.as_ref().map(|stack| stack.place.clone()).unwrap_or_default()
    }

    /// The process id of the engine that runs the functions.
    pub(crate) fn engine(&self) -> String {
        let engine = self.children.iter().find(|(name, ..)| *name == "ministack");
        engine.map(|(_, child, _)| child.id().to_string()).unwrap_or_default()
    }

    /// The address of the fault proxy, if there is one.
    pub(crate) fn faults(&self) -> Option<String> {
        Some(format!("http://127.0.0.1:{}", self.faults_port?))
    }

    /// Leaves it running.
    fn leave(self) -> Result<Stack> {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner).take();
        stack.context("the stack was stopped meanwhile")
    }

    fn add(&mut self, name: &'static str, command: &mut std::process::Command, port: u16) -> Result<()> {
        let log = log_path(&format!("{}-{name}.log", self.name))?;
        let (started, child) = Started::start(name, command, &log, "run `cargo xtask up` again")?;
        self.change(|stack| stack.started.push(started.clone()));
        self.save()?;
        let answers = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let ready = until(Duration::from_mins(1), || (answers() || !started.runs()).then_some(()));
        if ready.is_none() || !started.runs() {
            return Err(died(name, &log));
        }
        self.children.push((name, child, log));
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Stack)) {
        if let Some(stack) = self.stack.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(stack);
        }
    }

    fn save(&self) -> Result<()> {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        stack.as_ref().map_or(Ok(()), |stack| stack.save(self.name))
    }

    fn stop_on_signal(&self) -> Result<()> {
        let latest = (self.name, Arc::clone(&self.stack));
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        let handler = || {
            IS_ENDING.store(true, Ordering::SeqCst);
            let latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((name, stack)) = latest
                && let Some(stack) = stack.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                let _ = stack.stop(name);
                say("  stopped");
            }
            std::process::exit(130);
        };
        match ctrlc::set_handler(handler) {
            // A command that starts a second stack, when its first is stopped.
            Err(ctrlc::Error::MultipleHandlers) => Ok(()),
            set => Ok(set?),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The signal handler stops the stack and ends the process; returning from here would cut that short.
        while is_ending() {
            std::thread::park();
        }
        if let Some(stack) = self.stack.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = stack.stop(self.name);
            for (_, child, _) in &mut self.children {
                let _ = child.wait();
            }
        }
    }
}

/// Creates one organisation with its workflows, and finds out where everything of the deployed stack is.
fn seed(name: &str, aws: u16, salestrekker: u16) -> Result<Value> {
    let mut seed = command(binary("seed"));
    seed.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{aws}"));
    seed.env("SALESTREKKER_URL", format!("http://127.0.0.1:{salestrekker}"));
    let output = seed.output().context("the seeding cannot be started; run the command again")?;
    if !output.status.success() {
        let log = log_path(&format!("{name}-seed.log"))?;
        fs::write(&log, &output.stderr)?;
        return Err(died("seed", &log));
    }
    serde_json::from_slice(&output.stdout).context("the seeding printed something else than JSON")
}

/// The environment in which the end-to-end tests and the demonstration find a stack.
pub(crate) fn found_by(command: &mut std::process::Command, place: &Value) {
    let text = |key: &str| place.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    command
        .env("STACK", place.to_string())
        .env("SAM_BUILD", Template::Suite.build())
        .env("AWS_ENDPOINT_URL", text("aws_endpoint_url"));
    command.current_dir(root());
}
