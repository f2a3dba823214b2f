/** Whether each test passed, as the compiler's own VM prints it. */
export const outcomes = (output: string): Map<string, boolean> =>
  new Map(
    [...output.matchAll(/^\[ (PASS|FAIL|TIMEOUT)\s*\] (\S+)$/gm)].map(([, outcome, name]) => [
      name!,
      outcome === 'PASS',
    ]),
  )
