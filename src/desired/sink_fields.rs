//! The fields of sinks and of the escrow: the part of the table that says where secrets lie.

use super::formats::Format;
use super::table::Shape::{Duration, List, Text};
use super::table::{Table, field};

pub(super) static SINK: Table = Table {
    what: "a sink",
    heritable_only: false,
    exclusive: &[("file", "command"), ("file", "env_file"), ("command", "env_file")],
    instead: &[("path", "write `file`"), ("cmd", "write `command`"), ("exec", "write `command`")],
    fields: &[
        field(
            "file",
            Text(Format::SinkPath),
            "A file beneath the folder of the keys file; it holds the secret and nothing else. `{workspace}`, `{user}`, `{name}` and `{id}` are filled in, each as one component of the path.",
        )
        .example("\"secrets/{workspace}/{name}\""),
        field(
            "command",
            List(&Text(Format::Any)),
            "A program and its arguments; the secret comes on its standard input. No shell is involved, placeholders fill in each argument, and the program runs only if the caller allows it (`--allow-command`).",
        )
        .example("[\"gh\", \"secret\", \"set\", \"PORTKEY_API_KEY\", \"--repo\", \"acme/{name}\"]"),
        field(
            "env",
            List(&Text(Format::Any)),
            "The environment variables that the command may see, besides `PATH` and `HOME`; never those with the keys of portkey-sync itself.",
        )
        .example("[\"GH_TOKEN\"]"),
        field("timeout", Duration, "How long the command may take. Default: `60s`. After that it is killed with all that it has started, and the secret is kept for the next run; also before that, if the secret may not be delivered for so long any more.")
            .example("\"2m\""),
        field(
            "env_file",
            Text(Format::SinkPath),
            "A file of `NAME=value` lines beneath the folder of the keys file, in which one line is replaced or added; the others stay. Needs `variable`.",
        )
        .example("\".env.keys\""),
        field(
            "variable",
            Text(Format::Any),
            "The name of the line in `env_file`. What placeholders fill in is written in capitals, with `_` for all but letters and digits.",
        )
        .example("\"PORTKEY_{name}\""),
        field(
            "age",
            List(&Text(Format::Any)),
            "Recipients that the `file` is encrypted to: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`. Left out: the file is plain, readable by its owner only.",
        )
        .example("[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]"),
    ],
};

pub(super) static ESCROW: Table = Table {
    what: "`escrow`",
    heritable_only: false,
    exclusive: &[],
    instead: &[("recipients", "write `age`")],
    fields: &[
        field(
            "age",
            List(&Text(Format::Any)),
            "Recipients that secrets in the escrow are encrypted to: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`. A run that dies can then be finished only by one that has such a recipient's private key (`--age-identity`); for the others the escrow is a rescue copy, and the key gets another secret.",
        )
        .required()
        .example("[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]"),
    ],
};
