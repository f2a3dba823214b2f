import type { SuiClientTypes } from '@mysten/sui/client'
import { ObjectError } from '@mysten/sui/client'
import type { SuiGrpcClient } from '@mysten/sui/grpc'

const PAGE_SIZE = 50

/** An object as it was read: its Move struct as BCS, its type and owner. */
export interface RawObject {
  objectId: string
  version: string
  digest: string
  type: string
  owner: SuiClientTypes.ObjectOwner
  content: Uint8Array
}

/**
 * Objects in the order of `ids`, undefined for one that does not exist. The SDK asks for 50 per request; more than
 * that here are asked for at the same time.
 */
export async function fetchObjects(
  client: SuiGrpcClient,
  ids: readonly string[],
): Promise<(RawObject | undefined)[]> {
  const batches: string[][] = []
  for (let at = 0; at < ids.length; at += PAGE_SIZE) batches.push(ids.slice(at, at + PAGE_SIZE))
  const answers = await Promise.all(
    batches.map(objectIds => client.core.getObjects({ objectIds, include: { content: true } })),
  )
  return answers.flatMap(({ objects }) =>
    objects.map(object => {
      if (!(object instanceof Error)) return object as RawObject
      if (object instanceof ObjectError && object.reason !== 'unknown') return undefined
      throw object
    }),
  )
}

/** A page of the objects of the type that the address owns, from a cursor that the page before gave. */
export async function listOwnedPage(
  client: SuiGrpcClient,
  owner: string,
  type: string,
  { cursor, limit }: { cursor: string | undefined; limit: number },
): Promise<{ objects: RawObject[]; next: string | undefined }> {
  const page = await client.core.listOwnedObjects({
    owner,
    type,
    cursor: cursor ?? null,
    limit,
    include: { content: true },
  })
  const next = page.hasNextPage ? (page.cursor ?? undefined) : undefined
  return { objects: page.objects as RawObject[], next }
}

/** Every object of the type that the address owns, page by page. */
export async function listOwned(client: SuiGrpcClient, owner: string, type: string): Promise<RawObject[]> {
  const objects: RawObject[] = []
  let cursor: string | null = null
  do {
    const page: SuiClientTypes.ListOwnedObjectsResponse<{ content: true }> =
      await client.core.listOwnedObjects({
        owner,
        type,
        cursor,
        limit: PAGE_SIZE,
        include: { content: true },
      })
    objects.push(...(page.objects as RawObject[]))
    cursor = page.hasNextPage ? page.cursor : null
  } while (cursor !== null)
  return objects
}
