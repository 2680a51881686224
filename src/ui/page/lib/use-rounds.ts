import { useEffect, useState } from "preact/hooks";

/** Shows the part of the page anew, again and again. @returns how many times it did */
export function useRounds(ms: number): number {
  const [rounds, setRounds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setRounds((before) => before + 1), ms);
    return () => clearInterval(timer);
  }, []);
  return rounds;
}
