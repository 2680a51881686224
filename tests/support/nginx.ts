import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingTool } from "./tools.ts";
import { until, within } from "./wait.ts";

const NGINX = Bun.which("nginx") ?? "/usr/sbin/nginx";
/** Why there is no nginx; undefined where there is one. */
export const missingNginx = missingTool("nginx", NGINX);

/** nginx on a unix socket, stopped at the end of the test. */
export class Nginx implements AsyncDisposable {
  readonly #socket: string;
  readonly #child: Bun.Subprocess;

  private constructor(folder: string, servers: (listen: string) => string) {
    mkdirSync(folder);
    // Its workers are another user where it is started by root.
    chmodSync(folder, 0o755);
    this.#socket = join(folder, "sock");
    const conf = join(folder, "nginx.conf");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join("\n");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const text = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; ${user}
events {}
http {
  access_log off;
  ${temporary}
  ${servers(`listen unix:${this.#socket};`)}
}
`;
    writeFileSync(conf, text);
    this.#child = Bun.spawn([NGINX, "-e", `${folder}/error.log`, "-c", conf], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  /** @param servers makes the blocks `server` of its configuration, which listen where they are told to */
  static async start(home: string, servers: (listen: string) => string): Promise<Nginx> {
    const folder = join(home, "nginx");
    const nginx = new Nginx(folder, servers);
    await until("nginx listens", () => {
      if (nginx.#child.exitCode !== null)
        throw new Error(readFileSync(`${folder}/error.log`, "utf8"));
      return existsSync(nginx.#socket);
    });
    return nginx;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return within(
      `the head of ${path}`,
      fetch(`http://localhost${path}`, { ...init, unix: this.#socket }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }
}
