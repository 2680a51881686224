/** Prints a message for the person on stderr. */
export async function complain(message: string): Promise<void> {
  const { messages } = await import("./messages.ts");
  messages.error(message);
}

/** Prints a text and waits until it is taken. */
export function print(text: string, stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
