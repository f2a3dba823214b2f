import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatRows, type SafeText, safe } from '../text.ts'
import { findBlob, ownBlob } from './blobs.ts'

type Attributes = Record<string, string>

/** Prints a blob's attributes; anyone may read them. */
export async function getAttributes(
  context: Context,
  blobText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { objectId } = await findBlob(session, blobText)
    const { coordinator, signal } = session
    const attributes = await coordinator.attributes(objectId, { signal })
    await context.output.result({ objectId, attributes }, describe(attributes))
  })
  return EXIT.ok
}

/** Sets attributes, given as KEY=VALUE. */
export async function setAttributes(
  context: Context,
  blobText: string,
  pairs: string[],
  options: NetworkOptions,
): Promise<ExitCode> {
  const attributes = parsePairs(pairs)
  await withChain(context, options, async session => {
    const { objectId } = await ownBlob(session, blobText)
    const manager = session.coordinator.manager(await session.wallet())
    await manager.setAttributes(objectId, attributes, { signal: session.signal })
    await tell(context, session, objectId)
  })
  return EXIT.ok
}

/** Removes attributes, all when none are named; those that are not there are no failure. */
export async function removeAttributes(
  context: Context,
  blobText: string,
  keys: string[] | undefined,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { objectId } = await ownBlob(session, blobText)
    const before = await coordinator.attributes(objectId, { signal })
    const there = Object.keys(before).filter(key => keys === undefined || keys.includes(key))
    // a blob that never had attributes refuses to have any removed
    if (there.length > 0) {
      await coordinator.manager(await session.wallet()).removeAttributes(objectId, there, { signal })
    }
    await tell(context, session, objectId)
  })
  return EXIT.ok
}

async function tell(
  { output }: Context,
  { coordinator, signal }: ChainSession,
  objectId: Parameters<typeof coordinator.attributes>[0],
): Promise<void> {
  const attributes = await coordinator.attributes(objectId, { signal })
  await output.result({ objectId, attributes }, describe(attributes))
}

function describe(attributes: Attributes): SafeText {
  const entries = Object.entries(attributes)
  return entries.length === 0 ? safe`The blob has no attributes.` : formatRows(entries)
}

function parsePairs(pairs: readonly string[]): Attributes {
  const entries = pairs.map(pair => {
    const at = pair.indexOf('=')
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)] as const
    throw new CliError('USAGE', EXIT.usage, `"${pair}" is not an attribute.`, {
      hint: 'Attributes are set as KEY=VALUE, e.g. content-type=image/jpeg.',
    })
  })
  return Object.fromEntries(entries)
}
