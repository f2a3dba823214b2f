import type { SuiClientTypes } from '@mysten/sui/client'
import { ObjectError } from '@mysten/sui/client'
import type { SuiGrpcClient } from '@mysten/sui/grpc'

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
  for (let at = 0; at < ids.length; at += 50) batches.push(ids.slice(at, at + 50))
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
