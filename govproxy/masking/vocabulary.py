"""The words that column and table names are made of, in five languages, and what they mean.

Data only; ``masking.names`` reads it. Words are lower case, without accents, German umlauts both as
plain vowels and as ae/oe/ue where that is usual. A phrase is words separated by spaces; phrases are
separated by commas. A longer phrase covers a shorter one inside it, so ``NOT_PERSONAL`` can take
``file name`` away from ``name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Context(StrEnum):
    """What must be around a phrase for it to count."""

    ANY = "any"  # it says enough by itself
    SOLO = "solo"  # only neutral words and words for people beside it
    PEOPLE = "people"  # SOLO, and the table or a word beside it is about people
    PLACE = "place"  # SOLO, and the table or a word beside it is about people or addresses
    MEDICAL = "medical"  # SOLO, and the table or a word beside it is about health care
    CARD = "card"  # SOLO, and the table is about payment cards
    PERSONAL = "personal"  # SOLO, and the table is not about goods or places


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# class -> context -> phrases
PHRASES: Mapping[str, Mapping[Context, str]] = MappingProxyType(
    {
        "card": {
            Context.ANY: """
                card last, card last digits, cc last, last card digits, card number, card num, card no, card nr,
                cc number, cc num, cc no, credit card, creditcard, debit card, payment card number, card pan,
                primary account number, ccnum, ccn, pan number, credit card number, kreditkarte,
                kreditkartennummer, kreditkarten nummer, kartennummer, karten nummer, carte bancaire,
                carte credit, carte de credit, numero carte, numero de carte, tarjeta credito,
                tarjeta de credito, numero tarjeta, numero de tarjeta, cartao credito, cartao de credito,
                numero cartao, numero do cartao
            """,
            Context.SOLO: """
                pan, cc
            """,
            Context.CARD: """
                number, no, last
            """,
        },
        "cvv": {
            Context.ANY: """
                cvv, cvv2, cvc, cvc2, cvn, card verification value, card verification code, card security code,
                pruefziffer karte, cryptogramme, codigo seguridad tarjeta
            """,
            Context.CARD: """
                security code, code
            """,
        },
        "pin": {
            Context.ANY: """
                pin cd,
                pin block, pin offset, card pin hash, card pin, pin code, pin number, atm pin, pin hash,
                pincode hash
            """,
            Context.SOLO: """
                pin
            """,
        },
        "card_expiry": {
            Context.ANY: """
                cc exp dt,
                card expiry, card exp, card expiration, cc exp, cc expiry, credit card expiration,
                card exp date, card expiry date, card exp month, card exp year, card expiry month,
                card expiry year
            """,
            Context.CARD: """
                expiry, expiry date, exp date, expiration, expiration date, exp month, exp year, expires,
                valid thru, valid through, expiry month, expiry year, expiration month, expiration year
            """,
        },
        "card_track": {
            Context.ANY: """
                track data, track1, track2, magstripe, mag stripe
            """,
        },
        "iban": {
            Context.ANY: """
                iban, iban number, iban no, iban nr
            """,
        },
        "bank_account": {
            Context.ANY: """
                bankverb, cta bancaria, cta corriente, cuenta corriente, cta bco, bank acct no, bank acc no,
                acct nbr, deposit account,
                bankn, bank acct, bank acc number, bank account, bank account number, account number,
                account num, acct number, acct num, acct no, account no, routing number, sort code, aba number,
                bban, kontonummer, konto nummer, bankkonto, bankverbindung, bankleitzahl, compte bancaire,
                numero compte, numero de compte, rib, cuenta bancaria, numero cuenta, numero de cuenta,
                conta bancaria, conta corrente, numero conta, clabe, beneficiary account, kontonr, konto nr
            """,
            Context.SOLO: """
                konto
            """,
        },
        "ssn": {
            Context.ANY: """
                svnummer, sv nr, svnr, num ss, nro ss, no ss, sozvers nr, sozversnr, nr pis, pis pasep,
                assurance sociale, numero assurance sociale,
                seg social, num seg social, nro seguro social, nuss, ssn id, sozialversicherungsnr, ssnid, ssn,
                ssn last, social security, social security number, social security no, social sec number,
                socsec, soc sec, soc sec no, us ssn, itin, sozialversicherungsnummer, sozialversicherung nummer,
                sv nummer, svnr, rentenversicherungsnummer, numero securite sociale, securite sociale, num secu,
                numero secu, nir, seguridad social, numero seguridad social, nss, seguro social,
                numero seguro social, niss
            """,
            Context.SOLO: """
                pis, pasep, nis
            """,
        },
        "tax_id": {
            Context.ANY: """
                stcd, tva intra, numero tva, tva intracommunautaire, tax file number, tfn, utr number,
                unique taxpayer reference, oib, abn, ein number, taxvat, vat id, vat number, vat no, vat nr,
                vat registration number, ust id, ustid, ust idnr, tax id, taxid, tax number, tax no,
                tax identification number, taxpayer id, taxpayer number, tin number, steuer id, steuernummer,
                steuer nummer, steueridentifikationsnummer, steuer identifikations nummer, numero fiscal,
                identifiant fiscal, num fiscal, codice fiscale, codigo fiscal, cpf, nif, rfc, cuit, cuil,
                identificacion fiscal, pan card
            """,
        },
        "national_id": {
            Context.ANY: """
                ausweisnr, ausweis nr, piece identite, num piece identite, id doc no, cod fisc, codice fisc,
                fiscal code, personal identity code, personal identity number, personal code, identity code,
                citizenship number, citizen number, citizen no, tckn, tc kimlik no, kimlik no, pnr nummer,
                social registration number,
                hkid, cnp, egn, jmbg, amka, ahv nummer, ahv number, avs number, numero avs, cpr number,
                cpr nummer, fodselsnummer, isikukood, cccd, nik number, ktp number, my number, emirates id,
                iqama, qid number, id document number, document number, id number, identity number, identity no,
                identity document, identification id, identification number, identification no, national id,
                national identity, national insurance number, national insurance, nino, ni number,
                national identification number, national id number, identity card, identity card number,
                id card, id card number, id card no, citizen id, government id, gov id, govt id,
                personal id number, personal number, aadhaar, aadhaar number, aadhaar id, aadhar, aadhar number,
                pesel, bsn, burgerservicenummer, personnummer, henkilotunnus, hetu, curp, dni, dni number,
                nie number, cedula, rut number, nric, fin number, rrn, resident registration number, voter id,
                social insurance number, sin number, personalausweis, personalausweisnummer, ausweisnummer,
                ausweis nummer, carte identite, carte nationale identite, numero cni, cni, documento identidad,
                numero documento, numero de documento, documento de identidad, rg number, numero rg,
                green card number, visa number, immigration number, alien number
            """,
            Context.SOLO: """
                nie, sin, rg, rut
            """,
        },
        "passport": {
            Context.ANY: """
                psprt no, psprt, psprt number, pspt no, passpt no,
                mrz, machine readable zone, passport, passport number, passport no, passport num, passport nr,
                passport id, passnummer, pass nummer, reisepass, reisepassnummer, reisepass nummer, passeport,
                numero passeport, num passeport, pasaporte, numero pasaporte, passaporte, numero passaporte
            """,
        },
        "driving_licence": {
            Context.ANY: """
                drv lic no, drv license no, drv license, drv lic, driver lic, driver lic no,
                drivers license, driver license, driving license, drivers licence, driver licence,
                driving licence, license number driver, driver license number, drivers license number,
                driver license no, dl number, dl no, dln, fuehrerschein, fuhrerschein, fuehrerscheinnummer,
                fuhrerscheinnummer, permis conduire, permis de conduire, licencia conducir,
                licencia de conducir, carnet conducir, carta conducao, cnh
            """,
        },
        "religion": {
            Context.ANY: """
                relig, konfess, religious pref, religious preference,
                religion, religious affiliation, religious belief, faith, konfession, religionszugehoerigkeit,
                confession, religiao, denomination religious
            """,
        },
        "ethnicity": {
            Context.ANY: """
                ethn group, ethn grp, ethn cd, ethnic grp, ethn,
                ethnicity, ethnic group, ethnic origin, ethnic background, racial origin, race ethnicity,
                ethnie, origine ethnique, etnia, etnicidad, etnicidade, hautfarbe, ethnische herkunft,
                herkunft ethnisch
            """,
            Context.PEOPLE: """
                race, raza, raca
            """,
            Context.MEDICAL: """
                race
            """,
        },
        "orientation": {
            Context.ANY: """
                sex orient, sexual orient,
                sexual orientation, sexuality, sexual preference, sexuelle orientierung, orientation sexuelle,
                orientacion sexual, orientacao sexual
            """,
        },
        "politics": {
            Context.ANY: """
                political party, political affiliation, political opinion, party affiliation, union member,
                union membership, trade union, gewerkschaft, gewerkschaftsmitglied, appartenance syndicale,
                afiliacion politica
            """,
        },
        "criminal_record": {
            Context.ANY: """
                criminal record, criminal history, conviction, convictions, vorstrafen, vorstrafe,
                casier judiciaire, antecedentes penales, antecedentes criminais
            """,
        },
        "biometric": {
            Context.ANY: """
                fingerprint template, biometric, biometrics, biometric data, face embedding, face encoding,
                face template, iris scan, voiceprint, voice print, faceprint, dna sequence, genome, genotype,
                retina scan
            """,
        },
        "health": {
            Context.ANY: """
                bld group, bld grp, bld type, inj desc, injury desc, med cond, med condition, medical cond,
                schwerbehindert, schwerbehinderung, pregnant, hiv positive,
                adverse event, adverse events, adverse reaction, injury description, injury, injuries,
                surgical history, family history medical, vaccination, vaccinations, vaccine, lab value, hba1c,
                cholesterol, heart rate, pulse rate, body temperature, glucose level, viral load, fetal weight,
                gestational age, pain score, treatment plan, treatment notes, diagnosis, diagnoses,
                diagnosis code, icd, icd10, icd9, icd code, icd10 code, icd9 code, allergies, allergy,
                blood type, blood group, blood pressure, medical condition, medical conditions,
                health condition, health status, medical history, disability, disability status, disabilities,
                hiv status, pregnancy, pregnancy status, symptoms, chief complaint, comorbidities, diagnose,
                diagnosen, blutgruppe, allergien, behinderung, krankheit, krankheiten, vorerkrankungen,
                diagnostic medical, maladie, groupe sanguin, handicap, antecedents medicaux, diagnostico,
                alergias, tipo sangre, grupo sanguineo, tipo sanguineo, enfermedad, enfermedades, discapacidad,
                doenca, doencas, alergia, deficiencia, vaccination status, immunization, immunizations,
                smoking status, mental health, bmi, body mass index, lab result, lab results, test result hiv,
                principal diagnosis, admission diagnosis, discharge diagnosis, cause of death,
                sick leave reason, drg code, snomed code
            """,
            Context.MEDICAL: """
                wt, ht,
                condition, conditions, result, results, result value, weight, height, outcome, severity,
                procedure, procedure code, reason, complaint, treatment, vital signs, diagnostic, drug, dose,
                value
            """,
        },
        "medication": {
            Context.ANY: """
                dosage, rx number, rx name, prescribed drug, posology, posologie, dosierung, medication,
                medications, medication name, prescription, prescriptions, drug name, drug prescribed,
                current medications, medikament, medikamente, medikation, medicament, medicaments,
                traitement medical, ordonnance, medicamento, medicamentos, medicacion, medicacao, receita medica
            """,
        },
        "medical_record": {
            Context.ANY: """
                npi, npi number, prescriber npi, provider npi, dea number, mrn, medical record number,
                medical record no, patient number, patient no, patient identifier, patientennummer,
                numero patient, numero paciente, numero historia clinica, nhs number, nhs no
            """,
        },
        "health_insurance": {
            Context.ANY: """
                ins card no, ins card number, insurance card no, health ins no, ins id no, ins policy no,
                insurance number, insurance policy number, medical aid number, insurance card number,
                insurance no, krankenversicherung nummer, mutuelle numero, numero mutuelle,
                numero seguro medico, krankenkasse, health insurance number, insurance member id,
                medicare number, medicare id, mbi, medicaid id, medicaid number, krankenversicherungsnummer,
                versichertennummer, versicherten nummer, kvnr, carte vitale, numero carte vitale,
                health card number, ohip number, insurance policy number health
            """,
        },
        "health_text": {
            Context.ANY: """
                clin notes, clin note, med report, med rpt, medical report, nursing note, med notes,
                clinical notes, clinical note, doctor notes, doctors notes, medical notes, medical note,
                nurse notes, nursing notes, progress notes medical, discharge summary, anamnesis, anamnese,
                befund, arztbrief, compte rendu medical, historia clinica, therapy notes, soap notes,
                health notes, diagnosis notes
            """,
            Context.MEDICAL: """
                notes, note, note text, comments, comment, summary, description, remarks, observations,
                findings, finding, report, assessment, narrative, impression, text, history, plan, notizen,
                bemerkung, bemerkungen
            """,
        },
        "email": {
            Context.ANY: """
                adr mail, posta elettronica, indirizzo email, e mail addr,
                email, e mail, email address, email addr, mail address, mail addr, mailaddress, emailid,
                email id, correo electronico, courriel, adresse mail, adresse email, direccion email,
                endereco email, mailadresse, mail adresse, emailadresse, email adresse, emails, correo, paypal
            """,
            Context.SOLO: """
                mail, mails, mel, bcc recipients, cc recipients
            """,
        },
        "phone": {
            Context.ANY: """
                tfno, tfn fijo, priv tel, tel priv, tel pro, tel bureau, num tfno,
                caller number, callee number, caller id number, calling number, called number, from number,
                to number, ani, cli number, whatsapp no, viber, tlf, tlfn, telf, tel portable, tel fixe,
                tel mobile, num telefono, nro telefono, telephone portable, telephone fixe, telefonnr privat,
                mobile no, mobilephone, phone, phone number, phone num, phone no, telephone, telephone number,
                mobile number, mobile phone, cell phone, cellphone, cell number, telefon, telefonnummer,
                telefon nummer, telefonnr, handynummer, handy nummer, mobilnummer, mobiltelefon, rufnummer,
                telefono, telefone, numero telephone, numero de telephone, num tel, numero telefono,
                numero de telefono, numero movil, celular, msisdn, phonenumber, fax number, faxnummer,
                whatsapp number, phones, contact number, contact no, home phone, work phone, phone ext,
                phone extension, sms number, telno
            """,
            Context.SOLO: """
                mobile, cell, tel, fax, handy, mobil, movil, portable, whatsapp, telefax, gsm, telemovel
            """,
        },
        "person_name": {
            Context.ANY: """
                nom completo, nombre completo cliente, nm completo, nome completo cliente, nominativo, ref phys name,
                phys name, adj name, clmnt name, claimant nm, crd hldr, card hldr, acct hldr name, account hldr,
                contact nm, cntct name, pt name,
                pref name, preferred name, legal name of holder, homeroom teacher, tenant full name,
                subscriber name, donor name, player name, speaker name, witness name, victim name, suspect name,
                resident name, worker name, manager name, supervisor name, teacher name, instructor name,
                embossed name, claimant name, parent name, agent name, visitor name, reporter name, koinh,
                cc owner, card owner, author name, reviewer name, commenter name, full legal name, person name,
                customer name, cardholder name, cardholder, card holder, card holder name, name on card,
                account holder, account holder name, patient name, employee name, student name, client name,
                contact name, contact person, staff name, user full name, passenger name, guest name,
                recipient name, beneficiary name, emergency contact, emergency contact name, next of kin,
                mother maiden name, mothers maiden name, mother name, father name, spouse name, kundenname,
                vollstaendiger name, ansprechpartner, kontoinhaber, karteninhaber, nom complet, nom client,
                nom du client, titulaire, nombre completo, nombre cliente, nombre y apellidos,
                nombre del cliente, titular tarjeta, nome completo, nome cliente, nome do cliente,
                titular cartao, mitarbeitername, patientenname, doctor name, physician name, sender name,
                receiver name, shipping name, billing name, ship name, nom prenom, insured name,
                tenant name person, lead name, member name, owner name, buyer name, seller name, driver name,
                attendee name, candidate name, applicant name, nom patient, alias name person, signatory
            """,
            Context.PEOPLE: """
                name, legal name, real name, preferred name, display name, complete name, nom, nombre, nome,
                contact, name1, title of courtesy name, known as, aka, alias, former name, names
            """,
            Context.PERSONAL: """
                full name, fullname, name full, complete name
            """,
            Context.CARD: """
                holder, name, owner
            """,
            Context.SOLO: """
                customer, patient, employee, doctor, physician, surgeon, nurse, teacher, student, supervisor,
                passenger, salesperson, cashier, instructor, assignee, recipient, beneficiary, applicant,
                borrower, claimant, insured, policyholder, caregiver, guardian, spouse, kunde, mitarbeiter,
                patientin, sachbearbeiter, cliente, empleado, paciente, medico, alumno, funcionario, aluno,
                vendedor, initials, subject initials, patient initials
            """,
        },
        "given_name": {
            Context.ANY: """
                vorn, vornam, mid init, middle init, second given name,
                vorna, first name, firstname, given name, givenname, forename, fname, middle name, middlename,
                mname, middle initial, second name, christian name, vorname, rufname, prenom, primer nombre,
                segundo nombre, nombre pila, nombre de pila, nombres, primeiro nome, prenome, first names,
                firstnm, frst name, f name, m name, name first, given names, preferred first name, nome proprio,
                prenoms
            """,
        },
        "family_name": {
            Context.ANY: """
                cogn, nom usage, nom d usage, nom marital, nom epouse, ape paterno, ape materno, apellido 1,
                apellido 2, birth surname, name at birth,
                nachn, nachnm, last name, lastname, surname, family name, familyname, lname, maiden name,
                second surname, nachname, familienname, geburtsname, zuname, nom famille, nom de famille,
                nom naissance, nom jeune fille, apellido, apellidos, primer apellido, segundo apellido,
                apellido paterno, apellido materno, sobrenome, ultimo nome, apelido, last names, lastnm, l name,
                name last, birth name, sur name, surnames
            """,
        },
        "username": {
            Context.ANY: """
                login, username, user name, screen name, login name, loginname, user login, nickname, nick name,
                benutzername, nutzername, nom utilisateur, nom d utilisateur, nombre usuario, nombre de usuario,
                nome usuario, nome de usuario, pseudo utilisateur, account name user, uname, usrname, login id
            """,
            Context.SOLO: """
                nick, pseudo, userid name
            """,
            Context.PEOPLE: """
                handle
            """,
        },
        "social_profile": {
            Context.ANY: """
                socialnetworks, social networks, social network, social media, jabberid, jabber id, snapchat,
                social profile, social profiles, social links, discord id, wechat id, line id, mastodon handle,
                tiktok handle, youtube handle, twitter handle, twitter username, linkedin url, linkedin profile,
                facebook id, facebook url, instagram handle, instagram username, skype id, skype name,
                telegram id, telegram username, twitter url, github username, social media handle, linkedin id
            """,
            Context.PEOPLE: """
                youtube, googleplus, tiktok, mastodon, discord, threads, bluesky, github, gitlab username,
                pinterest, xing profile, blog, linkedin, twitter, facebook, instagram, skype, telegram, wechat,
                icq, aim, jabber, yim, xing, website, homepage, personal url
            """,
        },
        "street_address": {
            Context.ANY: """
                mail street, mail address line, anschr, dir particular, dir postal, indir res, indirizzo,
                indirizzo residenza, address ln, addr ln,
                address, adress, addresse, pickup address, dropoff address, stras, domicilio fiscal,
                street and number, building number, flat number, street address, home address, postal address,
                mailing address, billing address, shipping address, delivery address, address line,
                address line1, address line2, addr line, residential address, street name, street line,
                house number, apartment number, apt number, anschrift, strasse, hausnummer, haus nummer,
                strassenname, wohnadresse, lieferadresse, rechnungsadresse, postanschrift, adresse postale,
                adresse domicile, adresse livraison, adresse facturation, rue, domicilio, calle,
                direccion postal, direccion envio, endereco, logradouro, morada, address1, address2, addr1,
                addr2, ship address, bill address, po box, street1, street2, str nr, full address,
                permanent address, current address
            """,
            Context.SOLO: """
                addr, addresses, adresse, adressen, adr, direccion, direcciones, street, residence,
                wohnort adresse
            """,
        },
        "city": {
            Context.PLACE: """
                localite, cidade nome, nome cidade, nm cidade, nm bairro, city code,
                city village, city, town, suburb, village, ort, stadt, wohnort, ville, commune, ciudad,
                localidad, municipio, cidade, localidade, bairro, city name, city town, neighborhood,
                neighbourhood, district name, residence city
            """,
            Context.ANY: """
                mail city,
                home city, home town, hometown, shipping city, billing city, ship city, bill city, wohnort
            """,
            Context.PEOPLE: """
                location, ubicacion, localisation, current city, current location
            """,
        },
        "postcode": {
            Context.ANY: """
                mail zip, zip cd, zip code, post cd, postal cd,
                pstlz, zip code, zipcode, postal code, postalcode, postcode, post code, zip5, zip4, zip plus,
                plz, postleitzahl, code postal, codigo postal, cep code, cap postale, shipping zip, billing zip,
                ship zip
            """,
            Context.SOLO: """
                zip, cep
            """,
            Context.PLACE: """
                cp
            """,
        },
        "birth_date": {
            Context.ANY: """
                date nais, dt nais, dt nascita, data nascita, fec nacim, dat nasc,
                data nasc, nasc, geb dat, geburts datum, geb, fecha nac, fch nac, gbdat, dat naiss, date naiss,
                birthdt, birth date time, birth date, birthdate, date birth, date of birth, dob, d o b,
                birthday, birth day, born on, born date, geburtsdatum, geburtstag, geb datum, gebdat, gebdatum,
                date naissance, date de naissance, ddn, naissance, fecha nacimiento, fecha de nacimiento,
                fec nac, data nascimento, data de nascimento, dt nasc, nascimento, nacimiento, birth dt,
                dob date, bday, birth timestamp, brthdt, brthdat
            """,
            Context.SOLO: """
                born, birth, geboren
            """,
        },
        "birth_year": {
            Context.ANY: """
                gebjahr, birth yr, jahr geburt,
                birth year, year birth, year of birth, birth month, geburtsjahr, annee naissance,
                ano nacimiento, ano nascimento, birth yr, yob, month of birth, day of birth, gender birth year
            """,
        },
        "birth_place": {
            Context.ANY: """
                born in, ville naissance, ville de naissance, pays naissance, pays de naissance,
                ciudad nacimiento, pais nacimiento, cidade nascimento, birth place, birthplace, place of birth,
                city of birth, country of birth, birth city, birth country, geburtsort, lieu naissance,
                lieu de naissance, lugar nacimiento, lugar de nacimiento, local nascimento, naturalidade
            """,
            Context.PEOPLE: """
                born in, birthplace city
            """,
        },
        "death_date": {
            Context.ANY: """
                death date, date of death, deathdate, date death, deceased date, dod, sterbedatum, todestag,
                date deces, fecha defuncion, data obito, died on, dthdt
            """,
        },
        "age": {
            Context.ANY: """
                patient age, customer age, age years, age in years, age at admission, user age,
                age at diagnosis, anchor age, age group person
            """,
            Context.PEOPLE: """
                age yrs, age yr, age in yrs,
                age, alter, edad, idade, age group, age range, altersgruppe
            """,
            Context.MEDICAL: """
                age yrs, age yr, age years,
                age
            """,
        },
        "gender": {
            Context.PERSONAL: """
                tp sexo, sex cd,
                gesch, civility, gender, sex, geschlecht, sexe, sexo, genero, genre civil, gender identity,
                gender code, sex code, gender name, anrede, civilite, pronouns, gender identification,
                biological sex, salutation
            """,
        },
        "nationality": {
            Context.ANY: """
                natlty, natlty cd, natl, nat cd, nation of citizenship, citizenship status,
                natio, nationality, citizenship, country of citizenship, staatsangehoerigkeit,
                staatsangehorigkeit, nationalitaet, nationalite, nacionalidad, nacionalidade,
                immigration status, visa status, residency status
            """,
            Context.PEOPLE: """
                nac, nation, nat
            """,
        },
        "marital_status": {
            Context.ANY: """
                mar stat, mar status, marital cd, mrtl stat, familienst,
                marital status, marital, civil status, familienstand, etat civil, situation familiale,
                estado civil, marriage status, maritalstatus
            """,
        },
        "income": {
            Context.ANY: """
                ansal, jahresgehalt brutto, salary, salaries, annual salary, base salary, gross salary,
                net salary, hourly wage, wage, wages, income, annual income, yearly income, monthly income,
                household income, compensation amount, base pay, pay rate, hourly rate employee, gross pay,
                net pay, bonus amount employee, gehalt, lohn, einkommen, bruttogehalt, nettogehalt,
                jahresgehalt, salaire, salaire brut, salaire net, revenu, revenus, salario, salario bruto,
                ingresos, sueldo, nomina, renda, renda mensal, remuneracao, net worth
            """,
            Context.PEOPLE: """
                compensation, commission pct, bonus, pay
            """,
        },
        "credit_score": {
            Context.ANY: """
                credit score, credit rating, fico, fico score, schufa, schufa score, bonitaet, bonitat,
                creditworthiness, score credito
            """,
        },
        "ip_address": {
            Context.ANY: """
                ip, ip address, ip addr, ipaddress, ipaddr, ipv4, ipv6, ipv4 address, ipv6 address, client ip,
                remote ip, source ip, src ip, dst ip, user ip, login ip, last login ip, sign in ip,
                current sign in ip, last sign in ip, remote addr, remote address, client addr, client address,
                registration ip, ip adresse, adresse ip, direccion ip, endereco ip, host ip, customer ip,
                ip from, ip to, created ip, peer addr, sign up ip, x forwarded for
            """,
            Context.SOLO: """
                ips
            """,
        },
        "mac_address": {
            Context.ANY: """
                dev mac, device mac, wlan mac, eth mac,
                mac address, mac addr, macaddr, macaddress, hardware address, ethernet address, mac adresse,
                adresse mac, direccion mac, bluetooth address, bssid, wifi mac
            """,
        },
        "device_id": {
            Context.ANY: """
                device id, device identifier, deviceid, device uuid, imei, imei number, imsi, iccid, udid, idfa,
                idfv, gaid, advertising id, android id, device fingerprint, browser fingerprint, cookie id,
                tracking id user, visitor id, device serial, device serial number, meid, push device token,
                anonymous id, ga client id
            """,
        },
        "geo": {
            Context.ANY: """
                lat, lng, lon, geolat, geolong, geolng, geolon, home lat, home lng, geo long, lat long,
                coordinates lat, coordinates long, latitude, longitude, lat lng, lat lon, latlng, latlong, gps,
                gps coordinates, geo location, geolocation, geo point, coordinates, gps location, home location,
                breitengrad, laengengrad, geo lat, geo lon, geo lng, gps lat, gps lon, longitud, latitud
            """,
            Context.SOLO: """
                geom
            """,
        },
        "vehicle": {
            Context.ANY: """
                veh reg, veh reg no, veh plate, veh vin,
                license plate, licence plate, plate number, number plate, registration plate, vin, vin number,
                vehicle identification number, kennzeichen, kfz kennzeichen, fahrgestellnummer, immatriculation,
                plaque immatriculation, matricula vehiculo, placa veiculo, license plate number
            """,
        },
        "photo": {
            Context.PEOPLE: """
                photo, picture, portrait, signature, avatar image, passfoto, foto, unterschrift, firma imagen,
                headshot
            """,
            Context.ANY: """
                selfie, selfie url, selfie image, mugshot, headshot url, id scan, passport scan, document scan,
                passport photo, id photo, signature image, profile photo, face image, profile picture
            """,
        },
        "crypto_wallet": {
            Context.ANY: """
                wallet address, wallet addr, btc address, bitcoin address, eth address, ethereum address,
                crypto address, crypto wallet, public address wallet, eth wallet, btc wallet,
                payout address crypto
            """,
        },
        "password": {
            Context.ANY: """
                smtp password, smtp pass, imap password, db password, database password, ldap password,
                pass temp, new pass, user password, bind password, ftp password, wifi password, kennwort hash,
                password, passwd, pwd, passwort, kennwort, mot de passe, mot passe, motdepasse, mdp, contrasena,
                contrasenia, clave acceso, senha, passphrase, pass phrase, user pass, passcode, plain password,
                temp password, temporary password, initial password, master password, passw, pswd, passwrd,
                userpassword
            """,
            Context.SOLO: """
                pass, pw, clave, psw
            """,
        },
        "password_hash": {
            Context.ANY: """
                pass crypted, crypted pass, pass encrypted, encrypted pass, pass digest, crypted pwd,
                pass word hash, password hash, passwd hash, pwd hash, hashed password, password digest,
                encrypted password, password salt, crypted password, pass hash, passwordhash, password crypt,
                hash password, password encrypted, password sha, password md, rolpassword, pw hash,
                passwort hash, senha hash, password verifier, scram verifier, password bcrypt
            """,
            Context.SOLO: """
                salt
            """,
        },
        "security_answer": {
            Context.ANY: """
                sec ans, sec answer, secret answer,
                security answer, secret answer, security question answer, password hint, hint answer,
                recovery answer, sicherheitsantwort, reponse secrete, respuesta secreta
            """,
        },
        "api_token": {
            Context.ANY: """
                api ky, secret ky, access ky, cc token, card token, gateway token, session tok,
                oauth code, auth secret, service key, webservice key, webservices key, web service key,
                license secret, signing secret, api credentials, private api key, publishable key, live key,
                test key, sid token, account key, storage key, subscription key, integration key, consumer key,
                hmac key, bearer, authorization, authorization header, otp hash, token, api key, apikey,
                api token, api secret, access token, refresh token, auth token, authentication token,
                bearer token, session token, session key, session data, reset token, password reset token,
                reset password token, confirmation token, invitation token, verification token, csrf token,
                oauth token, push token, fcm token, device token, personal access token, id token,
                remember token, token hash, token digest, token secret, webhook secret, secret token,
                secret key, secret access key, access key, access key id, access key secret, aws secret,
                stripe key, unlock token, activation token, unsubscribe token, invite token, feed token,
                rss token, runners token, incoming email token, activation key, activation code, otp token,
                sas token, service account key, magic link, login token, jeton acces, zugriffstoken,
                zugangstoken, api schluessel, clave api, chave api, session cookie, auth key,
                authorization code, signed token, static object token, license key, encrypted token,
                token encrypted, bot token, app token, app secret, api key hash
            """,
            Context.SOLO: """
                tokens, session, sess, cookie, jeton, auth
            """,
        },
        "jwt": {
            Context.ANY: """
                jwt, json web token, jwt token, id token jwt
            """,
        },
        "private_key": {
            Context.ANY: """
                private key, privatekey, priv key, ssh key private, rsa key, rsa private key, pem key,
                signing key, secret pem, encryption key, privater schluessel, cle privee, clave privada,
                chave privada, seed phrase, mnemonic phrase, wallet seed, master key, tls key, ssl key,
                encrypted private key, pgp key private, data key, kms key material
            """,
        },
        "secret": {
            Context.ANY: """
                recovery codes, recovery code, rcvry codes, backup codes, backup code,
                psk, pre shared key, preshared key, wpa key, wifi key, radius secret, snmp community, passkey,
                unlock code, access code, door code, gate code, voucher secret, secret, client secret,
                shared secret, otp secret, totp secret, two factor secret, mfa secret, two factor backup codes,
                otp backup codes, backup codes, recovery codes, recovery code, credentials, credential, secrets,
                otp seed, encrypted secret, consumer secret, secret value, webhook signing secret, hmac secret,
                encrypted otp secret, otp secret key, zugangsdaten, identifiants secrets, credenciales,
                credenciais, otp code, one time password, verification code, sms code, encrypted credentials,
                security stamp, concurrency secret
            """,
            Context.SOLO: """
                otp, geheimnis, secreto
            """,
        },
        "dsn": {
            Context.ANY: """
                connection string, conn string, connstring, dsn, database url, db url, jdbc url, subconninfo,
                conninfo, primary conninfo, redis url, smtp url, broker url, connection uri, mongo uri
            """,
        },
    }
)

# Phrases that take a shorter one's meaning away.
NOT_PERSONAL = """
    customer number, employee number, doctor number, physician number, teacher number, student number,
    supervisor number, passenger number, recipient number, beneficiary number, applicant number,
    borrower number, claimant number, insured number, policyholder number, kunde number, mitarbeiter number,
    cliente number, empleado number, alumno number, funcionario number, vendedor number, customer code,
    employee code, customer group, customer segment, customer class code, cliente codigo, student code,
    smtp address, imap address, pop address, node address, endpoint address, proxy address, gateway address,
    broker address, cluster address, rpc address, http address, api address, url address, dns address,
    service address, socket address, register address, virtual address, physical address space, token address,
    pool address, factory address, nft address, multicast address, broadcast address, device address,
    modbus address, bus address, source code address, instruction address, return address offset,
    symbol address, load balancer address, loopback address, upstream address, backend address, host address,
    address id type, address verification, address lookup, address template, address label, address type code,
    address valid, address hash index, login attempts, login failures, login enabled, login at,
    login notification, required for login, login form, login button, login token, login ip, login key,
    secret key, login history, login streak, login banner, secret type, secret level, secret mission,
    login error, login title, login text, login bonus, login session, login message, file name, filename,
    host name, hostname, table name, column name, schema name, product name, event name, company name,
    bank name, school name, class name, domain name, display name template, category name, country name,
    state name, language name, role name, group name, team name, project name, job name, task name, queue name,
    index name, server name, service name, app name, application name, brand name, model name, item name,
    store name, shop name, department name, plan name, channel name, tag name, field name, key name, type name,
    code name, db name, database name, path name, bucket name, image name, function name, method name,
    device name, campaign name, template name, web address, memory address, base address, contract address,
    server address, bind address, network address, listen address, last login, first login, login count,
    language age, payment method, payment card type, card brand, card type, card color, card holder type,
    session timeout, session count, session duration, session type, session start, session end, cookie policy,
    token type, token count, token usage, tokens used, max tokens, prompt tokens, completion tokens,
    total tokens, token limit, token symbol, public key, primary key, foreign key, sort key, partition key,
    key size, cache key, idempotency key, object key, s3 key, natural key, secret name, secret version,
    secret santa, mail server, mail host, mail port, mail template, mail queue, email server, phone model,
    phone brand, phone os, mobile app, mobile os, cell type, cell line, street type, birth weight, birth rate,
    birth order, death rate, death count, race distance, race id, race time, race date, race name, race result,
    age days, age seconds, age hours, account age, page age, cache age, max age, min age, age limit, age rating,
    pin code area, pin count, pin position, pin map, map pin, pin board, pin color, pass rate, pass count,
    pass fail, boarding pass, pass mark, pass grade, bus pass, pan zoom, pan angle, fax server, contact type,
    contact method, contact reason, contact form, login page, login url, login method, login provider,
    login type, salt level, salt content, salt water, sea salt, sin value, religion code table, condition type,
    sex ratio, gender ratio, user agent family, user agent type, ip range, ip version, ip protocol,
    ip allocation, zip file, zip path, zip size, zip archive, gzip, credit note, credit limit, credit card type,
    credit card brand, account name, account type, handle time, handle count, city tier, city population,
    town hall, net worth category, wage type, income account, income type, income statement, salary grade,
    salary band type, bonus points, bonus type, bonus round, pay period, pay date, pay method, pay grade,
    pay frequency, height px, image height, image width, signature algorithm, signature valid,
    signature version, picture size, tax code, dose unit, result code, result set, job result, test result,
    portable version, session number, session title, session name, session room, auth method, auth type,
    auth provider, auth source, lab value unit, token name, token decimals, token standard, cell value, cell x,
    cell y, pass through, mail type, mail class, mobile version, cell color, fingerprint hash, file fingerprint,
    build fingerprint, api key name, api key label, access token name, account number format,
    coordinates system, coordinate system, certificate fingerprint, address book, address count, address format,
    address space, address range, address family, password policy, password length, handicap parking,
    wheelchair access, handicap golf, faith based, marital code table, race condition, race track, phone code,
    dial code, phone prefix, country phone code, passport country, passport issuing country, portrait mode,
    photo count, gps enabled, geo restriction, geo region, gps accuracy, auth level, author name template,
    nom produit, nombre producto, nome produto, nom fichier, nombre archivo, nome arquivo, dateiname,
    produktname, firmenname, nom entreprise, nom societe, nombre empresa, nome empresa, nombre pais, nom pays,
    spaltenname, tabellenname, geraetename, session language, street lighting, username format,
    prescription required, prescription type, allergy warning, allergy info, condition expression,
    condition text, birthday discount, medication class
"""

# After a phrase: the column holds something about the value, not the value.
CANCEL_AFTER = _words(
    """
    company timezone tz country province id ids uuid guid key keys at date datum time ts timestamp datetime day
    days month months hour hours minute minutes second seconds count counts cnt counter total totals sum avg
    average min max type types kind kinds flag flags status state verified verification confirmed confirmation
    valid validated validation validity invalid active enabled disabled required optional optin optout opt in
    out allowed blocked locked consent consented subscribed subscription unsubscribed unsubscribe opened clicked
    sent bounced bounce delivered delivery notification notifications notify notified alert alerts reminder
    reminders preference preferences pref prefs setting settings config configuration template templates subject
    body content contents campaign campaigns queue log logs logging history version versions format formats
    length size policy policies rule rules strength attempts attempt retries retry failures failed limit limits
    quota expires expiry expired expiration expire ttl duration age changed updated update modified created
    creation reset provider providers server host port protocol model brand os platform category categories
    group groups class classes classification level levels tier rank ranking priority sort order position index
    idx sequence seq label labels caption title titles description desc url uri link path file files filename
    folder table column field fields schema domain domains tld region lang language locale currency unit units
    precision accuracy confidence score source origin channel method mode algorithm algo cipher percent
    percentage pct ratio rate rates weight factor offset width height color colour style icon visible visibility
    hidden public private shared display needed missing available exists present usage used quality checked
    check checks matched match matches duplicate deduped synced sync imported exported migrated masked redacted
    anzahl zeit typ art aktiv gueltig gesendet bestaetigt nb valide verifie envoye actif activo verificado
    enviado ativo verificada fecha cantidad tipo estado quantidade situacao statut system scheme standard sets
    set notice tracking tracked manager supported support error errors result results reason reasons note notes
    comment comments
    """
)

# Before a phrase: a claim, a count or an instruction.
CANCEL_BEFORE = _words(
    """
    is has have can should must may will was were did does do no not without num count counts nb n total sum avg
    max min allow allows allowed require requires required enable enabled disable disabled use uses show hide
    send sends sent receive receives accept accepts force forced ask verify verified validate check mask masked
    encrypt ist hat kann soll anzahl est peut es tiene puede tem pode qtd qtde notify opt wants want needs need
    ignore auto generate skip include exclude invalid unique missing bounced
    """
)

# Words that change nothing.
NEUTRAL = _words(
    """
    address numbers nbr portable cell fixe phonetic kana furigana romaji casa celular pessoal change str dtm chr
    fld vc txt var col primary secondary main alt alternate alternative other another additional extra second
    first third last old new current previous prev original orig former home work office business private
    personal professional day evening night emergency billing bill shipping ship delivery deliver mailing
    invoice invoicing recovery backup official legal full raw plain clear text value val values string number no
    nr num nummer numero data info details line part enc encrypted encr hash hashed sha md crypt digest
    normalized normalised canonical lower upper clean cleaned formatted local international intl national
    default preferred unconfirmed reply from to cc bcc sender recipient receiver registered registration signup
    contact contacts account acct fk c f l s t a b x my our their the of for and or de del du des la le les el
    los las do da dos das der die den von facturation livraison domicile travail bureau facturacion envio
    trabajo particular cobranca entrega residencial comercial privat geschaeftlich dienstlich rechnung lieferung
    lieferanschrift rechnungsanschrift fijo fixo principal secundario secondaire ext extension code area prefix
    suffix tmp temp last4 four digits digit masked snapshot src source dst dest target login logon signin sign
    display public person people
    """
)

# Words for people: a table of them is about persons, and beside a phrase they make it personal.
PEOPLE = _words(
    """
    claimant claimants assistant assistants mothers fathers mae pai madre padre mere pere esposa esposo conjuge
    conjoint ehepartner erziehungsberechtigter vater mutter adjuster adjusters reviewer reviewers commenter
    requester requesters reporter reporters submitter approver sitter sitters tutor tutors coach coaches trainer
    trainers nominee nominees grantor grantee lessee lessor renter renters landlord landlords parent parents
    agent agents visitor visitors interviewer interviewee invitee invitees person persons people human humans
    individual individuals customer customers client clients cust user users usr member members membership
    employee employees emp emps staff staffs worker workers personnel colleague colleagues patient patients pat
    contact contacts actor actors student students pupil pupils teacher teachers professor professors instructor
    instructors faculty doctor doctors physician physicians nurse nurses therapist practitioner practitioners
    caregiver lead leads prospect prospects subscriber subscribers guest guests passenger passengers traveler
    travelers traveller travellers applicant applicants candidate candidates donor donors citizen citizens
    resident residents voter voters speaker speakers player players athlete athletes driver drivers rider riders
    courier couriers beneficiary beneficiaries policyholder policyholders insured cardholder cardholders
    participant participants respondent respondents attendee attendees inmate inmates witness witnesses victim
    victims suspect suspects spouse child children guardian guardians dependent dependents kin mother father
    husband wife borrower borrowers debtor debtors buyer buyers shopper shoppers freelancer freelancers
    contractor contractors volunteer volunteers recruiter admins administrators identity identities profile
    profiles owner owners signer signers signatory registrant registrants cadet soldier veteran consumer
    consumers assignee salesperson salespeople salesman manager managers representative rep reps fan fans
    tourist kunde kunden kundin benutzer nutzer mitarbeiter mitarbeiterin angestellte personal personen
    patienten patientin schueler studenten lehrer arzt aerzte mitglied mitglieder teilnehmer bewerber mieter
    versicherte versicherter ansprechpartner kontakte personne personnes utilisateur utilisateurs employe
    employes salarie salaries adherent adherents eleve eleves etudiant etudiants medecin medecins abonne abonnes
    beneficiaire locataire cliente clientes usuario usuarios empleado empleados trabajador trabajadores paciente
    pacientes alumno alumnos estudiante estudiantes medico medicos persona personas contacto contactos socio
    socios titular miembro miembros pessoa pessoas funcionario funcionarios aluno alunos membro membros contato
    contatos colaborador colaboradores accountholder payee payees payer payers roommate holder holders
    """
)

# After a word for people in a table's name: still about people.
PROFILE = _words(
    """
    profile profiles detail details info infos information data record records account accounts master
    demographics demographic registration registrations directory list stamm stammdaten identity identities
    extended extra attributes base core main export import history archive dim dimension fact snapshot backup
    bak old new copy pii private personal staging stage raw
    """
)

TABLE_AFFIXES = _words(
    """
    tbl tab t tb dim stg stage staging raw fact fct ods src dw dwh vw v mv base tmp temp bak backup old new hist
    history archive export import copy app auth core crm hr sys wp res public my mst master m mt snapshot final
    v1 v2 all active deleted current clinic shop
    """
)

ADDRESS_TABLES = _words(
    """
    address addresses adresse adressen adresses direccion direcciones endereco enderecos residence residences
    order orders shipment shipments invoice invoices delivery deliveries shipping billing bestellung
    bestellungen commande commandes pedido pedidos kontakt booking bookings reservation reservations anschrift
    anschriften household households
    """
)

PLACE_QUALIFIERS = _words(
    """
    shipping ship billing bill home delivery mailing residence residential invoice postal work birth
    """
)

MEDICAL_TABLES = _words(
    """
    clinic clinics hospital hospitals ehr emr fhir medizin klinik hopital salud saude clinica patient patients
    visit visits encounter encounters admission admissions diagnosis diagnoses prescription prescriptions
    treatment treatments clinical medical lab labs labevents observation observations condition conditions
    immunization immunizations allergy allergies vitals health consultation consultations patienten behandlung
    behandlungen befund befunde diagnosen consultas paciente pacientes obs noteevents examination examinations
    hospitalization hospitalizations therapy therapies surgery surgeries
    """
)

# A column with such a last word may hold a secret; its values must look random as well.
SECRET_HINTS = _words(
    """
    key keys sid cookie license serial credential nonce schluessel cle clave chave llave
    """
)

CARD_TABLES = _words(
    """
    card cards creditcard creditcards creditcarddetails paymentcard paymentcards kreditkarte kreditkarten
    tarjetas cartoes
    """
)
# Beside these a card is something else.
OTHER_CARDS = _words(
    """
    game games gift report reports business loyalty library score trading playing type types sim graphics flash
    index punch time post
    """
)

# Tables whose rows are not persons although a personal word may stand in them.
GOODS_TABLES = _words(
    """
    course courses event events project projects repo repos repository repositories company companies
    organization organizations organisation organisations team teams department departments role roles group
    groups product products item items article articles sku skus goods film films movie movies book books
    category categories brand brands garment garments clothing shoes catalog inventory stock variant variants
    city cities town towns country countries region regions state states zip zipcode zipcodes postcode postcodes
    plz ort orte ville villes ciudad ciudades cidade cidades airport airports station stations animal animals
    pet pets dog dogs cat cats horse horses species breed breeds part parts material materials produkt produkte
    artikel produit produits producto productos produto produtos genre genres config settings lookup codes place
    places warehouse warehouses venue venues airline airlines plant plants connector connectors size sizes
    """
)

# Words that people cut short behind four letters or more, and that little else begins like.
CUT_SHORT = _words(
    """
    religion nationality ethnicity insurance diagnosis salary emergency gender identity allergies medication
    prescription citizenship license telephone beneficiary employee customer patient passenger applicant borrower
    guardian password passport address phone marital residence disability prognosis
    """
)
