import { selfDirectory, selfPath } from "./self.ts";

/** Opens the API over TCP, and is of no use to a script, which has the socket. */
const TOKEN = "XS_TOKEN";

/**
 * The environment of scripts: that of this process, or of it just these names, without the token. Its
 * PATH ends with the directory of xs, and XS runs this very program.
 */
export function scriptEnvironment(names?: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names ?? Object.keys(process.env)) {
    const value = process.env[name];
    if (value !== undefined && name !== TOKEN) env[name] = value;
  }
  return { ...env, ...selfEnvironment() };
}

/** The part of it by which a script finds this program. */
export function selfEnvironment(): { PATH: string; XS?: string } {
  const path = selfPath();
  return { PATH: searchPath(), ...(path !== undefined && { XS: path }) };
}

/** The PATH of a script. */
function searchPath(): string {
  return [process.env.PATH, selfDirectory()].filter(Boolean).join(":");
}
