//! Every order of steps, with a crash at any one call: the version in use always works, and the four steps in order still
//! lead to the new one.

use super::*;
use automations::aws::secret;
use automations::futures::executor::block_on;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

const STEPS: [Step; 4] = [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret];
/// Staged for rotation.
const STAGED: u64 = 1;
/// Not staged: unknown, or of a rotation that was cancelled.
const UNSTAGED: u64 = 2;
const LOST: rotation::Error = rotation::Error::RequestFailed("respond");

/// The parts of Secrets Manager and Salestrekker that a rotation needs. A token is identified by its expiry.
struct World {
    tokens: RefCell<BTreeMap<u64, u64>>,
    current: Cell<u64>,
    given: Cell<u64>,
    calls: Cell<u32>,
    /// The call at which the function crashes, and whether the call takes effect all the same.
    crash: (u32, bool),
}

impl World {
    fn new(crash: (u32, bool)) -> Self {
        let tokens = RefCell::new(BTreeMap::from([(0, 0)]));
        Self { tokens, current: Cell::new(0), given: Cell::new(0), calls: Cell::new(0), crash }
    }

    /// Makes a call, unless it is the one at which the function crashes.
    fn call<T, E>(&self, lost: E, effect: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.calls.set(self.calls.get().saturating_add(1));
        match self.crash {
            (at, false) if at == self.calls.get() => Err(lost),
            (at, true) if at == self.calls.get() => effect().and(Err(lost)),
            _ => effect(),
        }
    }

    fn gave(&self, token: u64) -> bool {
        token <= self.given.get()
    }

    fn works(&self) -> bool {
        self.tokens.borrow().get(&self.current.get()).is_some_and(|token| self.gave(*token))
    }

    fn step(&self, step: Step, version: u64) -> Result<(), Error> {
        block_on(rotate(step, &At(self, version), self))
    }
}

struct At<'a>(&'a World, u64);

fn token(number: u64) -> ApiToken {
    let text = format!(r#"{{"endpoint": "https://a.example.com", "token": "t", "expires": {number}}}"#);
    secret::parse(&text.into()).unwrap()
}

impl Version for At<'_> {
    fn stage(&self) -> Result<VersionStage, rotation::Error> {
        match self.1 {
            version if version == self.0.current.get() => Ok(VersionStage::Current),
            STAGED => Ok(VersionStage::Pending),
            _ => Err(rotation::Error::NotPending),
        }
    }

    async fn credential(&self) -> Result<Credential, rotation::Error> {
        let text = r#"{"endpoint": "https://a.example.com", "api_key": "k"}"#;
        self.0.call(LOST, || Ok(secret::parse(&text.into()).unwrap()))
    }

    async fn pending(&self) -> Result<Option<ApiToken>, rotation::Error> {
        self.0.call(LOST, || Ok(self.0.tokens.borrow().get(&self.1).copied().map(token)))
    }

    async fn store(&self, token: &ApiToken) -> Result<(), rotation::Error> {
        self.0.call(LOST, || {
            // A version's value is written once (AWS Secrets Manager API Reference, `PutSecretValue`).
            let before = self.0.tokens.borrow_mut().insert(self.1, token.expires.unwrap());
            assert_eq!(before, None, "written twice");
            Ok(())
        })
    }

    async fn promote(&self) -> Result<(), rotation::Error> {
        self.0.call(LOST, || {
            self.0.current.set(self.1);
            Ok(())
        })
    }
}

impl Vendor for World {
    async fn sign_in(&self, _: &Credential) -> Result<ApiToken, salestrekker::Error> {
        self.call(salestrekker::Error::OutcomeUnknown, || {
            self.given.set(self.given.get().saturating_add(1));
            Ok(token(self.given.get()))
        })
    }

    async fn try_token(&self, token: &ApiToken) -> Result<(), salestrekker::Error> {
        let is_given = self.gave(token.expires.unwrap());
        let answer = || if is_given { Ok(()) } else { Err(salestrekker::Error::CredentialRefused) };
        self.call(salestrekker::Error::OutcomeUnknown, answer)
    }
}

/// Every sequence of this many steps, for either version.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the digits of a small number, in a base that is not zero"
)]
fn sequences(length: u32) -> impl Iterator<Item = Vec<(Step, u64)>> {
    let all: Vec<(Step, u64)> =
        STEPS.into_iter().flat_map(|step| [(step, STAGED), (step, UNSTAGED)]).collect();
    (0..all.len().pow(length))
        .map(move |number| (0..length).map(|place| all[number / all.len().pow(place) % all.len()]).collect())
}

#[test]
fn the_version_in_use_always_works_whatever_the_order_and_wherever_it_crashes() {
    for sequence in sequences(4) {
        for crash in (0..9).flat_map(|call| [(call, false), (call, true)]) {
            let world = World::new(crash);
            for (step, version) in &sequence {
                let result = world.step(*step, *version);
                assert!(world.works(), "{sequence:?} {crash:?}");
                assert!(world.current.get() != UNSTAGED && (*version != UNSTAGED || result.is_err()));
            }
            // Secrets Manager takes the steps again, the crash being over at the latest in the second round.
            for step in [STEPS, STEPS].concat() {
                let _ = world.step(step, STAGED);
                assert!(world.works(), "{sequence:?} {crash:?}");
            }
            assert_eq!(world.current.get(), STAGED, "{sequence:?} {crash:?}");
        }
    }
}

#[test]
fn nothing_is_promoted_that_salestrekker_refuses() {
    let world = World::new((0, false));
    world.tokens.borrow_mut().insert(STAGED, 7);
    assert!(matches!(world.step(Step::FinishSecret, STAGED), Err(Error::Salestrekker(_))));
    assert_eq!(world.current.get(), 0);
}

#[test]
fn a_step_that_is_repeated_does_nothing_new() {
    let world = World::new((0, false));
    for step in STEPS {
        world.step(step, STAGED).unwrap();
        world.step(step, STAGED).unwrap();
    }
    assert_eq!((world.given.get(), world.current.get()), (1, STAGED));
}
