import { selfDirectory, selfPath } from "../../lib/self.ts";

/** The token opens the API over TCP. Scripts do not get it: they use the socket. */
const TOKEN = "XS_TOKEN";

/**
 * The environment of scripts: the environment of this process without the token. PATH ends with the
 * directory of xs, and XS is the path of this very program.
 *
 * @param names the only variables to take over; all of them where it is undefined
 */
export function scriptEnvironment(names?: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names ?? Object.keys(process.env)) {
    const value = process.env[name];
    if (value !== undefined && name !== TOKEN) env[name] = value;
  }
  return { ...env, ...selfEnvironment() };
}

/** The variables by which a script finds this program: PATH, and XS where this is the compiled binary. */
export function selfEnvironment(): { PATH: string; XS?: string } {
  const path = selfPath();
  return { PATH: searchPath(), ...(path !== undefined && { XS: path }) };
}

function searchPath(): string {
  return [process.env.PATH, selfDirectory()].filter(Boolean).join(":");
}
