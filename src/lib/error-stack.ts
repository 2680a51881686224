let settle: ((error: Error) => void) | undefined;

/** Sets what {@link settleStack} does from now on, in this process. */
export function settleStacksBy(how: (error: Error) => void): void {
  settle = how;
}

/** Fixes the stack trace of an error, where this process shows none of its own places. */
export function settleStack(error: Error): void {
  settle?.(error);
}
