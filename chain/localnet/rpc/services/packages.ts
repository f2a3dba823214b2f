import type { GrpcTypes } from '@mysten/sui/grpc'
import { parseAddress } from '../../ledger/address.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PackageObject } from '../../ledger/object.ts'
import type { LoadedModule } from '../../vm/index.ts'
import { datatypeMessage, functionMessage, packageMessage } from '../convert/package.ts'
import { pageOf, pageToken } from '../page.ts'
import { invalid, notFound } from '../status.ts'

export function packageService(ledger: Ledger) {
  const find = (id: string | undefined): PackageObject => {
    const object = ledger.objects.get(parseAddress(id ?? ''))
    if (object === undefined) throw notFound(`package ${id}`)
    if (object.kind !== 'package') throw invalid(`object ${id} is not a package`)
    return object
  }
  const findModule = (id: string | undefined, name: string | undefined): LoadedModule => {
    const module = ledger.vm.package(find(id).id)?.modules.get(name ?? '')
    if (module === undefined) throw notFound(`module ${id}::${name}`)
    return module
  }
  return {
    getPackage: (request: GrpcTypes.GetPackageRequest): GrpcTypes.GetPackageResponse => ({
      package: packageMessage(ledger, find(request.packageId)),
    }),

    getDatatype({
      packageId,
      moduleName,
      name,
    }: GrpcTypes.GetDatatypeRequest): GrpcTypes.GetDatatypeResponse {
      const datatype = findModule(packageId, moduleName).datatypes.get(name ?? '')
      if (datatype === undefined) throw notFound(`datatype ${packageId}::${moduleName}::${name}`)
      return { datatype: datatypeMessage(datatype) }
    },

    getFunction({
      packageId,
      moduleName,
      name,
    }: GrpcTypes.GetFunctionRequest): GrpcTypes.GetFunctionResponse {
      const fn = findModule(packageId, moduleName).functions.get(name ?? '')
      if (fn === undefined) throw notFound(`function ${packageId}::${moduleName}::${name}`)
      return { function: functionMessage(fn) }
    },

    listPackageVersions(
      request: GrpcTypes.ListPackageVersionsRequest,
    ): GrpcTypes.ListPackageVersionsResponse {
      const { originalId } = find(request.packageId)
      const question = `versions ${originalId}`
      const { limit, after } = pageOf(request, question)
      const all = ledger.objects.packageVersions(originalId)
      const from = after === undefined ? 0 : all.indexOf(after) + 1
      const ids = all.slice(from, from + limit)
      return {
        versions: ids.map(id => ({ packageId: id, version: find(id).version })),
        nextPageToken: pageToken(from + limit < all.length ? ids.at(-1) : undefined, question),
      }
    },
  }
}
