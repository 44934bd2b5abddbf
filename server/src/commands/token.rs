//! `hashserver token`: makes, lists and revokes tokens.

use std::fs;
use std::io::{self, Write};

use clap::{Args, Subcommand};
use hashget_server::auth::{Scope, TokenFile, TokenRecord, TokenUses};
use jiff::Zoned;

use super::{CommandError, DataArgs};

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; its text is printed now and never again
    Add(AddArgs),
    /// List the tokens: id, scopes, day made, last use (a running server notes it every minute), name
    List(ListArgs),
    /// Take a token away
    Revoke(RevokeArgs),
}

#[derive(Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What it allows: read, read:PROJECT, publish:PROJECT, publish:* or admin; repeatable
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// What it is for
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Id or name of the token
    #[arg(value_name = "ID|NAME")]
    token: String,
}

pub(super) fn run(command: TokenCommand) -> Result<(), CommandError> {
    match command {
        TokenCommand::Add(args) => add(args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn add(args: AddArgs) -> Result<(), CommandError> {
    let tokens = open(args.data)?;
    let today = Zoned::now().date().to_string();
    let token = tokens.add(args.scope, args.name, today)?;
    eprintln!(
        "token {} was made; keep the next line, it is not stored",
        token.record.id
    );
    writeln!(io::stdout(), "{}", token.secret)?;
    Ok(())
}

fn list(args: ListArgs) -> Result<(), CommandError> {
    let settings = args.data.settings()?;
    let uses = TokenUses::open(settings.token_uses_path());
    let mut stdout = io::stdout().lock();
    for token in TokenFile::new(settings.tokens_path()).tokens()?.iter() {
        let last = uses.last_use(&token.id);
        let last = last.map_or_else(|| "never".to_owned(), |time| time.to_string());
        let name = token.name.as_deref().unwrap_or("-");
        writeln!(stdout, "{} used={last} {name}", line_of(token))?;
    }
    Ok(())
}

fn revoke(args: RevokeArgs) -> Result<(), CommandError> {
    let gone = open(args.data)?.revoke(&args.token)?;
    if gone.is_empty() {
        return Err(format!(
            "there is no token {:?}: `token list` shows them",
            args.token
        )
        .into());
    }
    let mut stdout = io::stdout().lock();
    for token in gone {
        let name = token.name.as_deref().unwrap_or("-");
        writeln!(stdout, "revoked {} {name}", line_of(&token))?;
    }
    Ok(())
}

fn line_of(token: &TokenRecord) -> String {
    let scopes: Vec<String> = token.scopes.iter().map(Scope::to_string).collect();
    format!("{} {} {}", token.id, scopes.join(","), token.created)
}

fn open(data: DataArgs) -> Result<TokenFile, CommandError> {
    let settings = data.settings()?;
    fs::create_dir_all(&settings.data)
        .map_err(|error| format!("cannot make {}: {error}", settings.data.display()))?;
    Ok(TokenFile::new(settings.tokens_path()))
}
