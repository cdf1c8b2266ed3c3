"""Settings of exports: what the operator says of the data set, and what exports may cost."""

from typing import Literal

from pydantic import Field

from services.chassis.settings import ServiceSettings
from services.query.exports.item import Dataset


class ExportSettings(ServiceSettings):
    """The part of the query service's settings that exports need."""

    export_title: str = Field("Insect camera traps", description="Title of exported data sets")
    export_description: str = Field("", description="What the data set is about, for exports to ecologists")
    export_publisher: str = Field("Krabbel", description="Person or organisation that publishes exported data")
    export_contact_name: str = Field("", description="Whom to ask about exported data")
    export_contact_email: str = Field(
        "", pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$", description="Their address; it is published in exports"
    )
    export_data_licence: Literal["CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0"] = Field(
        "CC-BY-4.0",
        description="Licence of exported data (that of pictures is each camera's own); GBIF takes these three",
    )
    export_sampling_design: Literal[
        "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted", "opportunistic"
    ] = Field("opportunistic", description="How the cameras' places were chosen (Camtrap DP's words)")
    export_country_code: str = Field(
        "", pattern=r"^([A-Z]{2})?$", description="ISO country code of all cameras; empty: that of each one's time zone"
    )
    export_streams: int = Field(4, ge=1, description="Exports streamed at the same time by one process; more get 429")
    export_keep_h: float = Field(48.0, gt=0, description="Hours for which a finished export can be downloaded")
    export_jobs_waiting: int = Field(20, ge=1, description="Most exports that wait or run; more are answered 429")

    def dataset(self) -> Dataset:
        """Return what the operator says of the data."""
        return Dataset(
            title=self.export_title,
            description=self.export_description,
            publisher=self.export_publisher,
            contact_name=self.export_contact_name,
            contact_email=self.export_contact_email,
            licence=self.export_data_licence,
            sampling_design=self.export_sampling_design,
            country_code=self.export_country_code,
            public_url=self.public_url,
        )
