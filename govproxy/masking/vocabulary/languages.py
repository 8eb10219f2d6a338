"""The commonest words for people's data in further languages: Italian, Dutch, Polish, the Nordic ones.

Data only; how it is read: ``masking.vocabulary``. English, German, French, Spanish and Portuguese stand with
their classes in the other modules.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "given_name": {
        Context.ANY: """
            nome di battesimo, primo nome, secondo nome, voornaam, voornamen, roepnaam, doopnaam, imie, imiona,
            pierwsze imie, drugie imie, fornavn, fornamn, mellomnavn, mellemnavn, tilltalsnamn, etunimi, etunimet,
            jmeno osoby, krestni jmeno, prenume, keresztnev, utonev
        """,
    },
    "family_name": {
        Context.ANY: """
            cognome, cognomi, cognome nome, secondo cognome, cognome da nubile, achternaam, familienaam,
            geslachtsnaam,
            meisjesnaam, tussenvoegsel, nazwisko, nazwisko panienskie, nazwisko rodowe, etternavn, efternavn,
            efternamn,
            slektsnavn, slaktnamn, pikenavn, sukunimi, prijmeni, nume familie, vezeteknev
        """,
    },
    "person_name": {
        Context.ANY: """
            nome cognome, nome e cognome, intestatario, nome cliente, nome paziente, nome dipendente, contatto nome,
            volledige naam, klantnaam, naam klant, naam rekeninghouder, rekeninghouder, kaarthouder, contactpersoon,
            imie nazwisko, imie i nazwisko, nazwa klienta osoba, osoba kontaktowa, fullt navn, hele navn,
            kontaktperson,
            fullstandigt namn, kundnamn, kundenavn, koko nimi
        """,
        Context.PEOPLE: """
            naam, navn, namn, nimi, jmeno, nume, nev
        """,
    },
    "email": {
        Context.ANY: """
            indirizzo mail, mailadres, emailadres, adres email, adres e mail, epost, e post, epostadresse,
            epostadress,
            poczta elektroniczna, sahkoposti, eposta
        """,
    },
    "phone": {
        Context.ANY: """
            cellulare, numero cellulare, num cellulare, telefono fisso, recapito telefonico, telefoon, telefoonnummer,
            mobiel nummer, gsm nummer, vaste telefoon, telefon komorkowy, numer telefonu, nr telefonu, tel komorkowy,
            komorka, telefonnummer, mobilnummer, mobiltelefonnummer, tlf nummer, mobiltlf, puhelin, puhelinnumero,
            matkapuhelin, cep telefonu
        """,
        Context.SOLO: """
            cell, mobiel, komorkowy, mobilnr, tlfnr
        """,
    },
    "street_address": {
        Context.ANY: """
            indirizzo, via residenza, indirizzo di residenza, indirizzo spedizione, indirizzo fatturazione,
            numero civico,
            nr civico, straatnaam, huisnummer, huisnr, adresregel, woonadres, postadres, afleveradres, factuuradres,
            straat, ulica, ulica i numer, nr domu, numer domu, nr mieszkania, adres zamieszkania,
            adres korespondencyjny,
            gateadresse, gatuadress, vejnavn, husnummer, gatenavn, postadresse, postadress, bostadsadress, katuosoite,
            lahiosoite
        """,
        Context.SOLO: """
            adres, gata, vej, osoite, ulice, adresa
        """,
    },
    "city": {
        Context.PLACE: """
            citta, comune, localita, plaats, woonplaats, plaatsnaam, stad, gemeente, miasto, miejscowosc, gmina,
            poststed, postort, stadsdel, kunta, kaupunki, postitoimipaikka, mesto, oras, sehir, ilce
        """,
        Context.ANY: """
            citta residenza, citta di residenza, comune residenza, comune di residenza, woonplaats,
            miasto zamieszkania,
            miejsce zamieszkania, bostadsort, bosted
        """,
    },
    "postcode": {
        Context.ANY: """
            cap residenza, codice avviamento postale, codice postale, postcode woonadres, kod pocztowy, postnummer,
            postnr, postinumero, psc kod
        """,
        Context.PLACE: """
            cap, psc
        """,
    },
    "birth_date": {
        Context.ANY: """
            data nascita, data di nascita, dt nascita, nato il, geboortedatum, geb datum, datum geboorte,
            data urodzenia,
            dt urodzenia, data ur, fodselsdato, fodselsdag, fodelsedatum, fodselsdata, syntymaaika, syntymapaiva,
            datum narozeni, data nasterii, dogum tarihi
        """,
    },
    "birth_year": {
        Context.ANY: """
            anno nascita, anno di nascita, geboortejaar, rok urodzenia, fodselsar, fodelsear, syntymavuosi
        """,
    },
    "birth_place": {
        Context.ANY: """
            luogo nascita, luogo di nascita, comune nascita, comune di nascita, citta nascita, provincia nascita,
            geboorteplaats, geboorteland, miejsce urodzenia, fodested, fodselssted, fodelseort, syntymapaikka
        """,
    },
    "death_date": {
        Context.ANY: """
            data decesso, data morte, overlijdensdatum, datum overlijden, data zgonu, dodsdato, dodsdatum
        """,
    },
    "gender": {
        Context.PERSONAL: """
            sesso, geslacht, plec, kjonn, kon, sukupuoli, pohlavi, cinsiyet, aanhef
        """,
    },
    "age": {
        Context.PEOPLE: """
            eta, leeftijd, wiek, alder, ika
        """,
    },
    "nationality": {
        Context.ANY: """
            nazionalita, cittadinanza, nationaliteit, staatsburgerschap, narodowosc, obywatelstwo, nasjonalitet,
            nationalitet, medborgarskap, statsborgerskap, kansalaisuus
        """,
    },
    "marital_status": {
        Context.ANY: """
            stato civile, burgerlijke staat, stan cywilny, sivilstand, civilstand, civilstatus, siviilisaaty
        """,
    },
    "income": {
        Context.ANY: """
            stipendio, stipendio lordo, stipendio netto, reddito, retribuzione, salaris, loon, brutoloon,
            nettoloon,
            inkomen, jaarinkomen, wynagrodzenie, pensja, dochod, placa brutto, lonn, arslonn, loen, manadslon,
            inntekt,
            inkomst, palkka
        """,
    },
    "bank_account": {
        Context.ANY: """
            conto corrente, numero conto corrente, conto bancario, coordinate bancarie, rekeningnummer, bankrekening,
            bankrekeningnummer, numer konta, nr konta, rachunek bankowy, numer rachunku, kontonummer, bankkonto,
            tilinumero
        """,
    },
    "tax_id": {
        Context.ANY: """
            partita iva, piva, p iva, cod fiscale, codfiscale, btw nummer, fiscaal nummer, belastingnummer, nip numer,
            numer nip, organisasjonsnummer person
        """,
        Context.SOLO: """
            nip
        """,
    },
    "national_id": {
        Context.ANY: """
            carta identita, numero carta identita, carta di identita, nr documento, numero documento identita,
            burgerservice nummer, bsn nummer, sofinummer, rijksregisternummer, insz, identiteitskaart, dowod osobisty,
            numer dowodu, nr dowodu, seria dowodu, numer pesel, fodselsnummer, personnr, cprnr, hetu tunnus,
            rodne cislo,
            cnp cod
        """,
    },
    "passport": {
        Context.ANY: """
            numero passaporto, nr passaporto, paspoort, paspoortnummer, paszport, numer paszportu, nr paszportu,
            passnr, passinumero
        """,
    },
    "driving_licence": {
        Context.ANY: """
            patente guida, patente di guida, numero patente, rijbewijs, rijbewijsnummer, prawo jazdy, forerkort,
            korkort,
            korekort, ajokortti
        """,
    },
    "vehicle": {
        Context.ANY: """
            targa, targa veicolo, numero telaio, kentekenplaat, kenteken, numer rejestracyjny, nr rejestracyjny,
            numer vin,
            registreringsnummer, bilnummer, rekisterinumero
        """,
    },
    "health": {
        Context.ANY: """
            gruppo sanguigno, patologie, patologia, allergie, invalidita, anamnesi patologica, bloedgroep, allergieen,
            ziekte, ziekten, aandoening, grupa krwi, choroba, choroby, rozpoznanie, blodtype, blodgrupp, sykdom,
            sjukdom, allergi, allergier, veriryhma
        """,
    },
    "medication": {
        Context.ANY: """
            farmaco, farmaci, terapia farmacologica, medicijn, medicijnen, medicatie, lek, leki, medisin, lakemedel,
            laakitys
        """,
    },
    "health_insurance": {
        Context.ANY: """
            tessera sanitaria, numero tessera sanitaria, zorgverzekering nummer, zorgverzekeringsnummer,
            polisnummer zorg,
            numer ubezpieczenia, nr ubezpieczenia
        """,
    },
    "health_text": {
        Context.ANY: """
            anamnesi, referto, cartella clinica, medisch verslag, wywiad lekarski, epikryza, journalnotat,
            journalanteckning
        """,
    },
    "religion": {
        Context.ANY: """
            religione, confessione religiosa, geloof, godsdienst, levensovertuiging, wyznanie, religia, trossamfunn,
            trossamfund, uskonto
        """,
    },
    "password": {
        Context.ANY: """
            parola chiave, parola d ordine, wachtwoord, haslo, passord, losenord, adgangskode, salasana, heslo, sifre
        """,
    },
    "username": {
        Context.ANY: """
            nome utente, utenza, gebruikersnaam, inlognaam, nazwa uzytkownika, brukernavn, anvandarnamn, brugernavn,
            kayttajatunnus
        """,
    },
}
