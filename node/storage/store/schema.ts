import { fillSizes, renewEndings } from './blob-records.ts'
import { damagedStore, StoreError } from './errors.ts'
import { SCHEMA_KEY } from './keys.ts'
import { reindexMissing } from './missing-index.ts'
import { recountPacks } from './pack-index.ts'
import { commitInSlices, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'
import { recountUsage } from './usage-counter.ts'

/** Version of the records and files that this program writes. */
export const SCHEMA_VERSION = 7

/** One step: what to change so that a store of version `from` becomes one of `from + 1`. Cut short, it is begun anew. */
export interface Migration {
  from: number
  describe: string
  run(records: Records): AsyncIterable<RecordOperation>
}

/** In order of `from`. Version 1 is the first, so nothing leads to it. */
export const MIGRATIONS: readonly Migration[] = [
  { from: 1, describe: 'notes when each blob ends', run: renewEndings },
  {
    from: 2,
    describe: 'notes exactly one end of each blob, of invalid ones too, and counts what is stored',
    async *run(records) {
      yield* renewEndings(records)
      yield* recountUsage(records)
    },
  },
  { from: 3, describe: 'counts how much of each pack is needed', run: recountPacks },
  { from: 4, describe: 'notes when what is missing is due, and counts it', run: reindexMissing },
  { from: 5, describe: 'notes how urgent what is missing is', run: reindexMissing },
  // slivers that there are stay where they are
  { from: 6, describe: 'small slivers lie in the index, and sizes of blobs are noted', run: fillSizes },
]

interface SchemaRecord {
  schemaVersion: number
  /** system object ID of the network */
  network: string
}

export interface SchemaOptions {
  path: string
  network: string
  version?: number
  migrations?: readonly Migration[]
  /** Changes nothing: throws STORE_OLDER for what would be migrated. */
  isReadOnly?: boolean
  /** Takes records without a readable first one for this network's, of the present version. */
  isRepair?: boolean
}

/**
 * Checks the store's first record, or writes it in an empty store, and migrates an older one step by step.
 * Throws STORE_NEWER, STORE_FOREIGN, STORE_UNSUPPORTED, STORE_OLDER or STORE_DAMAGED.
 */
export async function checkSchema(records: Records, options: SchemaOptions): Promise<void> {
  const { path, network, version = SCHEMA_VERSION, migrations = MIGRATIONS } = options
  const { isRepair = false, isReadOnly = false } = options
  let found = await readSchema(records, path, isRepair)
  if (found === undefined) {
    if (isReadOnly) return
    await writeSchema(records, { schemaVersion: version, network })
    return
  }
  if (found.schemaVersion > version) {
    throw new StoreError(
      'STORE_NEWER',
      `the store ${path} was written by a later version of Floe (schema ${found.schemaVersion}, this one knows ${version})`,
      { path, storeVersion: found.schemaVersion, supportedVersion: version },
    )
  }
  if (found.network !== network) {
    throw new StoreError(
      'STORE_FOREIGN',
      `the store ${path} belongs to network ${found.network}, not to ${network}`,
      { path, storeNetwork: found.network, expectedNetwork: network },
    )
  }
  if (found.schemaVersion < version && isReadOnly) {
    throw new StoreError(
      'STORE_OLDER',
      `the store ${path} was written by an earlier version of Floe (schema ${found.schemaVersion}), and is brought to schema ${version} when its node starts`,
      { path, storeVersion: found.schemaVersion, expectedVersion: version },
    )
  }
  while (found.schemaVersion < version) {
    const step = migrations.find(({ from }) => from === found?.schemaVersion)
    if (step === undefined) {
      throw new StoreError(
        'STORE_UNSUPPORTED',
        `no migration leads from schema ${found.schemaVersion} of ${path} to ${version}`,
        { path, storeVersion: found.schemaVersion, supportedVersion: version },
      )
    }
    await commitInSlices(records, step.run(records))
    found = { ...found, schemaVersion: step.from + 1 }
    await writeSchema(records, found)
  }
}

async function readSchema(
  records: Records,
  path: string,
  isRepair: boolean,
): Promise<SchemaRecord | undefined> {
  const bytes = await records.get(SCHEMA_KEY)
  if (bytes === undefined) {
    if (isRepair) return undefined
    // an empty store is a new one; records without the first one are of another program
    for await (const { key } of records.list('/')) throw damagedStore(path, key)
    return undefined
  }
  const value = decodeJson(bytes)
  if (
    typeof value !== 'object' ||
    value === null ||
    !('schemaVersion' in value && Number.isSafeInteger(value.schemaVersion)) ||
    !('network' in value && typeof value.network === 'string')
  ) {
    if (isRepair) return undefined
    throw damagedStore(path, SCHEMA_KEY)
  }
  return value as SchemaRecord
}

async function writeSchema(records: Records, schema: SchemaRecord): Promise<void> {
  await records.commit([{ type: 'put', key: SCHEMA_KEY, value: encodeJson(schema) }], { sync: true })
}
