import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import stripJsonComments from 'strip-json-comments'
import { writeAtomically } from '../../base/atomic-file.ts'
import { CodedError } from '../../base/coded-error.ts'
import type { MonthCount } from '../../base/month.ts'
import { CIRCUIT_REASONS } from '../../protocols/index.ts'
import { type AccessLists, createAccess } from './access.ts'
import { RELAY_LIMITS, type RelayLimits } from './limits.ts'
import type { RelaySettings } from './relay.ts'
import { noCounts, type RelayCounts } from './traffic.ts'

/** Where a relay keeps what. */
export interface RelayFolder {
  dir: string
  /** its identity */
  key: string
  /** limits and lists that its operator has set; none when there is no such file */
  settings: string
  /** what it has counted */
  state: string
  /** where members said that they are */
  addresses: string
}

export function relayFolder(dir: string): RelayFolder {
  return {
    dir,
    key: join(dir, 'relay.key'),
    settings: join(dir, 'relay.json'),
    state: join(dir, 'state.json'),
    addresses: join(dir, 'addresses'),
  }
}

/** RELAY_SETTINGS: `relay.json` is no such thing; `field` says where. */
export class RelayError extends CodedError<{ RELAY_SETTINGS: { path: string; field: string } }> {
  override readonly name = 'RelayError'
}

const isLimit = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.every(one => typeof one === 'string')

/** Reads what the operator has set. Throws RelayError, AccessError. */
export async function readSettings({ settings: path }: RelayFolder): Promise<RelaySettings> {
  const text = await readIfThere(path)
  if (text === undefined) return {}
  const wrong = (field: string, cause?: unknown): RelayError =>
    new RelayError(
      'RELAY_SETTINGS',
      `${path} does not set up a relay: see its "${field}"`,
      { path, field },
      { cause },
    )
  let value: Record<string, unknown>
  try {
    value = JSON.parse(stripJsonComments(text, { trailingCommas: true }))
  } catch (cause) {
    throw wrong('JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('JSON')
  const { limits = {}, allow = [], deny = [], ...unknown } = value
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw wrong(stranger)
  if (typeof limits !== 'object' || limits === null) throw wrong('limits')
  for (const [name, limit] of Object.entries(limits)) {
    if (!Object.hasOwn(RELAY_LIMITS, name) || !isLimit(limit)) throw wrong(name)
  }
  if (!isList(allow)) throw wrong('allow')
  if (!isList(deny)) throw wrong('deny')
  const access = { allow, deny } as AccessLists
  createAccess(access)
  return { limits: limits as Partial<RelayLimits>, access }
}

export interface RelayState {
  counts: RelayCounts
  month: MonthCount
}

/** What an earlier run counted; undefined when there was none, or its file is damaged: counts are no reason not to start. */
export async function readState({ state }: RelayFolder): Promise<RelayState | undefined> {
  try {
    const { counts, month } = JSON.parse((await readIfThere(state)) ?? '') as Partial<RelayState>
    if (!/^\d{4}-\d\d$/.test(month?.month ?? '') || !isLimit(month?.bytes)) return undefined
    const { reservations, circuits, pauses, bytes, refused = {} } = counts as RelayCounts
    if (![reservations, circuits, pauses, bytes.members, bytes.strangers].every(isLimit)) return undefined
    const known = CIRCUIT_REASONS.filter(reason => isLimit(refused[reason]))
    return {
      counts: {
        ...noCounts(),
        reservations,
        circuits,
        pauses,
        bytes: { members: bytes.members, strangers: bytes.strangers },
        refused: Object.fromEntries(known.map(reason => [reason, refused[reason]])),
      },
      month: month as MonthCount,
    }
  } catch {
    return undefined
  }
}

export async function writeState({ dir, state }: RelayFolder, value: RelayState): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeAtomically(state, `${JSON.stringify(value)}\n`)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
