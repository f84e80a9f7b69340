//! `rollbook stop`: a run opens no further host; hosts in work finish their chain.

use super::context::{Context, unusable, who};
use super::exit::{Exit, Failure};
use crate::clock::now;
use clap::Args;

#[derive(Args, Debug)]
pub struct Options {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let store = context.store()?;
    let row = store.resolve(&options.run).map_err(unusable)?;
    let short = crate::store::short(&row.id);
    if !row.alive() {
        return Err(Failure::new(Exit::Usage, format!("no process works on run `{short}`: there is nothing to stop"))
            .help(format!("`rollbook runs show {short}` tells how it ended"))
            .into());
    }
    store.request_stop(&row.id, &who(), now()).map_err(unusable)?;
    context.say(format_args!("run `{short}` opens no further host; hosts in work finish their whole chain"));
    context.say(format_args!("next: rollbook runs watch {short}"));
    Ok(Exit::Done)
}
