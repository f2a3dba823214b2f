import { readFileSync } from 'node:fs'

/** How many files the system lets this process open; undefined where it sets no limit, or tells of none. */
export function openFilesLimit(): number | undefined {
  try {
    // Node raises its own limit to the hard one when it starts, so that the one read here is the one that holds
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return reportedLimit()
  }
}

/** Elsewhere than on Linux; takes some milliseconds. */
function reportedLimit(): number | undefined {
  const report = process.report?.getReport() as
    | { userLimits?: { open_files?: { soft: unknown } } }
    | undefined
  const soft = report?.userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : undefined
}
