// What the tests need of the system, besides Node.js: real clients and tools. On Debian and its like
// they are installed here where they are missing; elsewhere the tests that need one skip and say so.

/** Packages, each with the commands that tell it is there: one is enough. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  chromium: ["chromium", "chromium-browser", "google-chrome"],
  curl: ["curl"],
  faketime: ["faketime"],
  fish: ["fish"],
  jq: ["jq"],
  // Not on the PATH of everybody.
  nginx: ["nginx", "/usr/sbin/nginx"],
  python3: ["python3"],
  sqlite3: ["sqlite3"],
  strace: ["strace"],
  zsh: ["zsh"],
};

const missing = Object.keys(PACKAGES).filter(
  (name) => !PACKAGES[name]?.some((command) => Bun.which(command)),
);
if (missing.length > 0) await install(missing);

export {};

async function install(packages: readonly string[]): Promise<void> {
  const list = packages.join(", ");
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  if (!Bun.which("apt-get") || (sudo.length > 0 && !(await run([...sudo, "true"])))) {
    console.error(`missing: ${list}. Install them to run every test.`);
    return;
  }
  console.error(`installing ${list}`);
  const apt = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
  await run([...apt, "update"]);
  // One by one, so that one that there is not does not keep the others out.
  for (const name of packages) {
    const options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
    if (!(await run([...apt, "install", ...options, name])))
      console.error(`${name} could not be installed: tests that need it are skipped`);
  }
}

/** Runs a command; what it prints goes to stderr. */
async function run(command: readonly string[]): Promise<boolean> {
  const child = Bun.spawn([...command], { stdio: ["ignore", process.stderr.fd, "inherit"] });
  return (await child.exited) === 0;
}
