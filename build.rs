//! Compiles the default catalogue in: the folder `policies/` is read, not listed.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=policies");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("policies"))? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("{name:?} is not a name for a rule")))?;
        if name.ends_with(".yaml") && name != "policy.yaml" {
            println!("cargo::rerun-if-changed=policies/{name}");
            names.push(name);
        }
    }
    names.sort();
    let mut code = String::from(
        "/// Path and text of every compiled-in rule.\nconst FILES: &[(&str, &str)] = &[\n",
    );
    for name in names {
        let path = root.join("policies").join(&name);
        code.push_str(&format!(
            "    ({:?}, include_str!({:?})),\n",
            format!("policies/{name}"),
            path
        ));
    }
    code.push_str("];\n");
    fs::write(
        PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("catalogue.rs"),
        code,
    )
}
