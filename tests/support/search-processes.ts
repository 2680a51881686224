/** The pids of the processes of the search below a process. */
export async function searchProcesses(parent: number): Promise<number[]> {
  const ps = Bun.spawn(["ps", "-o", "pid=,args=", "--ppid", String(parent)], { stderr: "ignore" });
  const text = await new Response(ps.stdout).text();
  return text
    .split("\n")
    .filter((line) => line.includes("__search"))
    .map((line) => Number.parseInt(line, 10));
}
