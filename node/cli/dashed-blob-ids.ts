import type { Command } from 'commander'

const DASHED_BLOB_ID = /^-[A-Za-z0-9_-]{42}$/

/**
 * One blob ID in 64 starts with a dash and would be taken for an option. From the first such ID on, arguments go behind
 * `--` in their order, and options before it.
 */
export function shieldBlobIds(args: readonly string[], program: Command): string[] {
  const first = args.findIndex(arg => DASHED_BLOB_ID.test(arg))
  if (first === -1 || args.includes('--')) return [...args]
  const takesValue = flagsWithValue(program)
  const options: string[] = []
  const operands: string[] = []
  for (let i = first; i < args.length; i++) {
    const arg = args[i]!
    const isOption = arg.startsWith('-') && arg !== '-' && !DASHED_BLOB_ID.test(arg)
    if (!isOption) operands.push(arg)
    else if (takesValue.has(arg) && i + 1 < args.length) options.push(arg, args[++i]!)
    else options.push(arg)
  }
  return [...args.slice(0, first), ...options, '--', ...operands]
}

function flagsWithValue(command: Command): Set<string> {
  const own = command.options.filter(({ required, optional }) => required || optional)
  return new Set([
    ...own.flatMap(({ short, long }) => [short, long]).filter(flag => flag !== undefined),
    ...command.commands.flatMap(sub => [...flagsWithValue(sub)]),
  ])
}
