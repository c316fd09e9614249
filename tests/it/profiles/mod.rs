//! Who may deploy (`infra/stacks/deployer.yaml`) and who may operate (`infra/stacks/operators.yaml`): their policies against the tables
//! of what they need, and the real deployment and every command under them (A2 of the AWS facts).

mod deployed;
mod operated;
mod policy;
mod session;
mod stacks;
mod table;
