"""The fake's ApplicationService."""

from __future__ import annotations

import itertools
import time

import grpc

from valetkey import v1
from valetkey.testing._resources import Resources
from valetkey.testing._state import check_etag, page_of, timestamp
from valetkey.v1 import application_service_pb2_grpc


class ApplicationService(
    application_service_pb2_grpc.ApplicationServiceServicer
):
    """Keeps applications and keys. Its keys open nothing."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._numbers = itertools.count(1)

    def CreateApplication(
        self,
        request: v1.CreateApplicationRequest,
        context: grpc.ServicerContext,
    ) -> v1.CreateApplicationResponse:
        """Makes one."""
        application = v1.Application()
        application.CopyFrom(request.application)
        application.name = f"applications/{request.application_id}"
        return v1.CreateApplicationResponse(
            application=self._resources.create(application)
        )

    def GetApplication(
        self, request: v1.GetApplicationRequest, context: grpc.ServicerContext
    ) -> v1.GetApplicationResponse:
        """One of them."""
        return v1.GetApplicationResponse(
            application=self._resources.get(v1.Application, request.name)
        )

    def ListApplications(
        self, request: v1.ListApplicationsRequest, context: grpc.ServicerContext
    ) -> v1.ListApplicationsResponse:
        """By name."""
        found = self._resources.list(v1.Application, "")
        page, following = page_of(found, request.page_size, request.page_token)
        return v1.ListApplicationsResponse(
            applications=page,  # type: ignore[arg-type]
            next_page_token=following,
        )

    def UpdateApplication(
        self,
        request: v1.UpdateApplicationRequest,
        context: grpc.ServicerContext,
    ) -> v1.UpdateApplicationResponse:
        """Changes the fields of the mask."""
        return v1.UpdateApplicationResponse(
            application=self._resources.update(
                request.application, request.update_mask
            )
        )

    def DeleteApplication(
        self,
        request: v1.DeleteApplicationRequest,
        context: grpc.ServicerContext,
    ) -> v1.DeleteApplicationResponse:
        """Forgets one."""
        found = self._resources.get(v1.Application, request.name)
        check_etag(request.etag, found)
        self._resources.delete(request.name)
        return v1.DeleteApplicationResponse()

    def CreateKey(
        self, request: v1.CreateKeyRequest, context: grpc.ServicerContext
    ) -> v1.CreateKeyResponse:
        """Makes one."""
        number = next(self._numbers)
        key = v1.Key(
            name=f"{request.parent}/keys/k-{number}",
            display_name=request.display_name,
            rights=request.rights,
            expire_time=(
                request.expire_time if request.HasField("expire_time") else None
            ),
        )
        return v1.CreateKeyResponse(
            key=self._resources.create(key), secret=f"vk_fake-{number}"
        )

    def ListKeys(
        self, request: v1.ListKeysRequest, context: grpc.ServicerContext
    ) -> v1.ListKeysResponse:
        """By name."""
        found = self._resources.list(v1.Key, request.parent)
        page, following = page_of(found, request.page_size, request.page_token)
        return v1.ListKeysResponse(
            keys=page,  # type: ignore[arg-type]
            next_page_token=following,
        )

    def RevokeKey(
        self, request: v1.RevokeKeyRequest, context: grpc.ServicerContext
    ) -> v1.RevokeKeyResponse:
        """Says when."""
        key = self._resources.get(v1.Key, request.name)
        if not key.HasField("revoke_time"):
            key.revoke_time.CopyFrom(timestamp(time.time()))
            self._resources.delete(request.name)
            self._resources.create(key)
        return v1.RevokeKeyResponse(key=key)
